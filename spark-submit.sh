#!/usr/bin/env bash
# spark-submit for any job and any master, with Delta and this package:
#   ./spark-submit.sh --master 'local[2]' jobs/run_pipeline.py conf/pipelines/quickstart.yaml
#   ./spark-submit.sh --master spark://host:7077 --conf spark.executor.memory=4g jobs/run_promote.py conf/pipelines/quickstart.yaml
# Every option is spark-submit's own; --packages and --py-files are added to ours. On a cluster the nodes need a Python of the
# driver's minor version with pyarrow: PYSPARK_PYTHON names it (default: this .venv, which is right where it is mounted).
# The exit status is the job's (cluster deploy mode keeps only zero or not zero).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${VIRTUAL_ENV:-$root/.venv}
[[ -x $venv/bin/spark-submit ]] || { echo "spark-submit.sh: no Spark in $venv: run 'make setup' first" >&2; exit 2; }
JAVA_HOME=$("$root/scripts/check_java.sh")
export JAVA_HOME
export PYSPARK_PYTHON=${PYSPARK_PYTHON:-$venv/bin/python}
export PYSPARK_DRIVER_PYTHON=${PYSPARK_DRIVER_PYTHON:-$venv/bin/python}
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}

master='local[*]' packages='' excluded='' py_files='' properties="$root/conf/spark-defaults.conf" logging="-Dlog4j2.configurationFile=file:$root/conf/log4j2.properties"
options=()
take() { # an option that we add to or have a default for
    case $1 in
        --master) master=$2 ;;
        --packages) packages+=",$2" ;;
        --exclude-packages) excluded+=",$2" ;;
        --py-files) py_files+="${py_files:+,}$2" ;;
        --properties-file) properties=$2 ;;
        --driver-java-options) logging+=" $2" ;;
        *) return 1 ;;
    esac
}
while (($#)); do # up to the job's file; what follows it belongs to the job
    case $1 in
        -h | --help | --version) exec "$venv/bin/spark-submit" "$1" ;;
        -v | --verbose | --supervise | --load-spark-defaults) options+=("$1"); shift ;;
        --*=*) take "${1%%=*}" "${1#*=}" || options+=("$1"); shift ;;
        -*)
            (($# > 1)) || { echo "spark-submit.sh: $1 needs a value" >&2; exit 2; }
            take "$1" "$2" || options+=("$1" "$2")
            shift 2
            ;;
        *) break ;;
    esac
done
(($#)) || { echo "usage: ./spark-submit.sh [spark-submit's options] jobs/run_pipeline.py CONFIG [the job's options]" >&2; exit 2; }

# Delta, and what the sources and roots of the job's pipeline need: medallion/jars.py has the versions.
needed=$("$venv/bin/python" -m medallion jars "${@:2}")
{ read -r ours; read -r left_out; } <<<"$needed"
packages=$ours$packages excluded=$left_out$excluded

if [[ $master != local* ]]; then # executors unpickle classes of the package
    shipped=$(mktemp -d)
    trap 'rm -rf "$shipped"' EXIT
    "$venv/bin/python" -c 'import shutil, sys; shutil.make_archive(sys.argv[1], "zip", sys.argv[2], "medallion")' "$shipped/medallion" "$root"
    py_files="$shipped/medallion.zip${py_files:+,$py_files}"
fi
[[ -z $py_files ]] || options+=(--py-files "$py_files")

"$venv/bin/spark-submit" --master "$master" --packages "$packages" --exclude-packages "$excluded" \
    --properties-file "$properties" --driver-java-options "$logging" ${options[@]+"${options[@]}"} "$@"
