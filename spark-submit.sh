#!/usr/bin/env bash
# spark-submit for any job and any master, with Delta and this package:
#   ./spark-submit.sh --master 'local[2]' jobs/run_pipeline.py conf/pipelines/quickstart.yaml
#   ./spark-submit.sh --master spark://host:7077 --conf spark.executor.memory=4g jobs/run_promote.py conf/pipelines/quickstart.yaml
# Every option is spark-submit's own; --packages and --py-files are added to ours. On a cluster the nodes need a Python of the
# driver's minor version with pyarrow: PYSPARK_PYTHON names it (default: this .venv, which is right where it is mounted).
# Four options are ours:
#   --bake DIR    fetches the jars that the job's pipeline needs into DIR, with their sums in DIR/jars.lock, and submits nothing
#   --baked DIR   takes these jars, once their sums are right, and asks Maven for nothing
#   --pack DIR    makes a Python for nodes that have none with pyarrow, and submits nothing (scripts/pack.sh)
#   --packed DIR  sends that Python along and uses it
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

master='local[*]' packages='' excluded='' py_files='' properties="$root/conf/spark-defaults.conf" java="-Dlog4j2.configurationFile=file:$root/conf/log4j2.properties"
java+=" -XX:MaxJavaStackTraceDepth=60" # medallion/spark.py says why
options=() jars='' archives='' bake='' baked='' pack='' packed=''
take() { # an option that we add to or have a default for
    case $1 in
        --master) master=$2 ;;
        --packages) packages+=",$2" ;;
        --exclude-packages) excluded+=",$2" ;;
        --jars) jars+=",$2" ;;
        --archives) archives+=",$2" ;;
        --bake) bake=$2 ;;
        --baked) baked=$2 ;;
        --pack) pack=$2 ;;
        --packed) packed=$2 ;;
        --py-files) py_files+="${py_files:+,}$2" ;;
        --properties-file) properties=$2 ;;
        --driver-java-options) java+=" $2" ;;
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
[[ -z $pack ]] || exec "$root/scripts/pack.sh" "$venv" "$pack"
(($#)) || { echo "usage: ./spark-submit.sh [spark-submit's options] jobs/run_pipeline.py CONFIG [the job's options]" >&2; exit 2; }

# Delta, and what the sources and roots of the job's pipeline need: medallion/jars.py has the versions.
needed=$("$venv/bin/python" -m medallion jars "${@:2}")
{ read -r ours; read -r left_out; } <<<"$needed"
packages=$ours$packages excluded=$left_out$excluded

[[ -z $bake ]] || exec "$venv/bin/python" -m scripts.bake bake "$bake" "$packages" "$excluded"
if [[ -n $baked ]]; then
    jars=$("$venv/bin/python" -m scripts.bake check "$baked" "$packages")$jars
else
    options=(--packages "$packages" --exclude-packages "$excluded" ${options[@]+"${options[@]}"})
fi
[[ -z $jars ]] || options=(--jars "${jars#,}" ${options[@]+"${options[@]}"})

if [[ -n $packed ]]; then
    [[ -f $packed/environment.tar.gz ]] || { echo "spark-submit.sh: $packed/environment.tar.gz is missing: --pack $packed makes it" >&2; exit 2; }
    if [[ ! -e environment ]]; then # Spark has one name for the interpreter, for its executors and for sources that the driver plans
        ln -s "$(cd "$packed" && pwd)/environment" environment # it stays: another job may be using it when this one ends
    elif [[ ! environment -ef $packed/environment ]]; then
        echo "spark-submit.sh: ./environment is in the way: start from another folder" >&2
        exit 2
    fi
    export PYSPARK_PYTHON=./environment/bin/python
    archives="$packed/environment.tar.gz#environment$archives"
fi
[[ -z $archives ]] || options=(--archives "${archives#,}" ${options[@]+"${options[@]}"})
if [[ $master != local* ]]; then # executors unpickle classes of the package
    shipped=$(mktemp -d)
    trap 'rm -rf "$shipped"' EXIT
    "$venv/bin/python" -c 'import shutil, sys; shutil.make_archive(sys.argv[1], "zip", sys.argv[2], "medallion")' "$shipped/medallion" "$root"
    py_files="$shipped/medallion.zip${py_files:+,$py_files}"
fi
[[ -z $py_files ]] || options+=(--py-files "$py_files")

"$venv/bin/spark-submit" --master "$master" \
    --properties-file "$properties" --driver-java-options "$java" ${options[@]+"${options[@]}"} "$@"
