#!/usr/bin/env bash
# A Python for the nodes of a cluster, with the locked versions of all that the package asks for, and without Spark, which they have:
#   ./spark-submit.sh --pack DIR
# makes DIR/environment and DIR/environment.tar.gz of it; --packed DIR sends that along. Its programs find each other wherever it is
# unpacked, but its interpreter is a link: the nodes have the same Python at the same place, as a copy of one image has.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$1 folder=$2
uv=$(command -v uv || echo "$root/.uv/bin/uv")
[[ ! -e $folder/environment.tar.gz ]] || { echo "spark-submit.sh: $folder/environment.tar.gz is there already; remove it first" >&2; exit 2; }
mkdir -p "$folder"
rm -rf "$folder/environment"
"$uv" venv --quiet --relocatable --no-python-downloads --python "$venv/bin/python" "$folder/environment"
"$uv" export --quiet --project "$root" --locked --no-dev --no-emit-project --extra s3 --extra azure --format requirements-txt \
    --output-file "$folder/requirements.txt" >/dev/null
"$uv" pip install --quiet --python "$folder/environment/bin/python" --requirement "$folder/requirements.txt"
tar -C "$folder/environment" -czf "$folder/.environment.tar.gz" .
mv "$folder/.environment.tar.gz" "$folder/environment.tar.gz" # last: what is there is whole
echo "$folder/environment.tar.gz"
