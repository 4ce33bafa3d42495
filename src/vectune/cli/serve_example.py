"""What `vectune serve --print-example` prints: a whole session with the service, ready to be run."""

from __future__ import annotations

_URL = "BASE_URL"
_PYTHON = '''"""Upload rows, tune a model on them, embed with it. Needs: pip install openai"""

import json
import tempfile
import time
from pathlib import Path

from openai import OpenAI

ROWS = [
    {"query": "screen stays black", "positive": "Hold the power button for ten seconds, then press it again."},
    {"query": "forgot my password", "positive": "Choose Reset on the sign-in page; a link comes by mail."},
    {"query": "bill is too high", "positive": "The invoice lists each line; write to accounts if one is wrong."},
    {"query": "cancel my plan", "positive": "A subscription ends with the month in which you close it under Settings."},
    {"query": "wifi keeps dropping", "positive": "Move the router away from the wall and choose channel 1, 6 or 11."},
    {"query": "printer offline", "positive": "Remove the printer, switch it off and on, and add it again."},
    {"query": "where is my parcel", "positive": "The tracking number in the shipping mail shows the last scan."},
    {"query": "send it back", "positive": "Returns are free for thirty days; print the label from your orders."},
]

client = OpenAI(base_url="BASE_URL", api_key="none")

rows = Path(tempfile.mkdtemp()) / "rows.jsonl"
rows.write_text("".join(json.dumps(row) + "\\n" for row in ROWS), encoding="utf-8")
file = client.files.create(file=rows, purpose="fine-tune")

job = client.fine_tuning.jobs.create(model="text-embedding-3-small", training_file=file.id, suffix="helpdesk")
while job.status not in ("succeeded", "failed", "cancelled"):
    time.sleep(1)
    job = client.fine_tuning.jobs.retrieve(job.id)
for event in reversed(client.fine_tuning.jobs.list_events(job.id, limit=100).data):
    print(event.message)
if job.status != "succeeded":
    raise SystemExit(f"{job.status}: {job.error and job.error.message}")

answer = client.embeddings.create(model=job.fine_tuned_model, input=["no picture on the monitor"])
print(job.fine_tuned_model, len(answer.data[0].embedding), "dimensions")
'''
_CURL = r"""URL=BASE_URL
ROWS=$(mktemp -d)/rows.jsonl
cat >"$ROWS" <<'END'
{"text": "screen stays black", "label": "hardware"}
{"text": "the monitor flickers", "label": "hardware"}
{"text": "bill is too high", "label": "billing"}
{"text": "charged twice this month", "label": "billing"}
END
first() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }

FILE=$(curl -sS "$URL/files" -F purpose=fine-tune -F file=@"$ROWS" | first id)
JOB=$(curl -sS "$URL/fine_tuning/jobs" -H 'Content-Type: application/json' \
  -d "{\"model\": \"text-embedding-3-small\", \"training_file\": \"$FILE\"}" | first id)
while STATUS=$(curl -sS "$URL/fine_tuning/jobs/$JOB" | first status); do
  echo "$JOB is $STATUS"
  case $STATUS in succeeded) break ;; failed | cancelled | '') exit 1 ;; esac
  sleep 1
done
curl -sS "$URL/embeddings" -H 'Content-Type: application/json' \
  -d "{\"model\": \"$JOB\", \"input\": \"no picture on the monitor\", \"dimensions\": 8}"
"""


def example(url: str) -> str:
    """Markdown with a Python script and a shell session for the service at `url` (which ends with /v1)."""
    script, session = (text.replace(_URL, url) for text in (_PYTHON, _CURL))
    return f"Python:\n\n```python\n{script}```\n\ncurl:\n\n```sh\n{session}```"
