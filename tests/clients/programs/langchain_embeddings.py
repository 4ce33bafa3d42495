"""LangChain's OpenAIEmbeddings against the service at argv[1]; argv[2] is `texts` or `tokens`, as it sends them.

argv[3] is the folder where tiktoken finds its tables without a network. Prints one JSON object: what it got, or how it
was refused.
"""

import json
import os
import sys
from importlib.metadata import version

url, sends, tables = sys.argv[1:4]
os.environ["TIKTOKEN_CACHE_DIR"] = tables

from langchain_openai import OpenAIEmbeddings  # noqa: E402 - the tables are named first
from openai import BadRequestError  # noqa: E402

settings = {"check_embedding_ctx_length": False} if sends == "texts" else {}
client = OpenAIEmbeddings(model="text-embedding-3-small", base_url=url, api_key="none", **settings)
told = {"versions": {name: version(name) for name in ("langchain-openai", "openai", "tiktoken")}}
try:
    told["documents"] = client.embed_documents(["red1 cat2", "dog3 sun4 rain5"])
    told["query"] = client.embed_query("red1 cat2")
except BadRequestError as error:
    told["refused"] = error.message
print(json.dumps(told))
