#!/bin/sh
# Installs the clients that tests/clients drives, the driver for S3 and a server of its protocol, each in an environment
# of its own, and prints their folder:
#   VECTUNE_CLIENTS=$(sh tests/clients/prepare.sh) .venv/bin/python -m tests.clients.trying
# A second call finds everything there. Needs Python 3.11 or newer, and npm for the Node client.
set -eu
FOLDER=${1:-${VECTUNE_CLIENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/vectune-clients}}
LANGCHAIN=langchain-openai==1.7.3
LLAMA_INDEX=llama-index-embeddings-openai-like==0.4.0
NODE_CLIENT=openai@7.55.0
S3_DRIVER=s3fs==2026.9.0
S3_SERVER=moto[server]==5.2.5
STAMP="$LANGCHAIN $LLAMA_INDEX $NODE_CLIENT $S3_DRIVER $S3_SERVER"

install() {
  "${PYTHON:-python3}" -m venv "$FOLDER/$1" >&2
  "$FOLDER/$1/bin/python" -m pip install --quiet "$2" >&2
}

if [ "$(cat "$FOLDER/stamp" 2>/dev/null)" != "$STAMP" ]; then
  mkdir -p "$FOLDER/node"
  install langchain "$LANGCHAIN"
  install llama-index "$LLAMA_INDEX"
  install s3 "$S3_DRIVER"
  install moto "$S3_SERVER"
  if command -v npm >/dev/null; then
    npm install --silent --no-fund --no-audit --prefix "$FOLDER/node" "$NODE_CLIENT" >&2
  else
    echo "no npm here: the Node client is left out" >&2
  fi
  echo "$STAMP" >"$FOLDER/stamp"
fi
echo "$FOLDER"
