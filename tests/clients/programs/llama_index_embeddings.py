"""llama-index's OpenAILikeEmbedding against the service at argv[1]; prints one JSON object of what it got."""

import json
import sys
from importlib.metadata import version

from llama_index.embeddings.openai_like import OpenAILikeEmbedding

client = OpenAILikeEmbedding(
    model_name="text-embedding-3-small", api_base=sys.argv[1], api_key="none", embed_batch_size=2
)
print(
    json.dumps(
        {
            "versions": {name: version(name) for name in ("llama-index-embeddings-openai-like", "openai")},
            "documents": client.get_text_embedding_batch(["red1 cat2", "dog3 sun4 rain5", "blue1"]),
            "query": client.get_query_embedding("red1 cat2"),
        }
    )
)
