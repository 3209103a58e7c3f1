#!/usr/bin/env bash
# Runs a command, and runs it again for as long as it ends with status 3, "stopped early, run me again", at most TRIES times (5) with
# PAUSE seconds (60) in between. For cron, which does not look at exit statuses:
#   15 * * * * /srv/medallion/scripts/run_again.sh /srv/medallion/.venv/bin/medallion run /srv/medallion/pipeline.yaml --quiet
# SIGTERM is passed on and ends it all. The exit status is that of the last try.
set -u
(($#)) || { echo "usage: run_again.sh COMMAND..." >&2; exit 2; }
child='' told='' signalled=''
trap 'told=1 signalled=1; [[ -z $child ]] || kill -TERM "$child" 2>/dev/null' TERM
for ((try = 1; ; try++)); do
    "$@" &
    child=$!
    [[ -z $told ]] || kill -TERM "$child" 2>/dev/null # told before the trap knew whom to tell
    until
        signalled=''
        wait "$child"
        status=$?
        [[ -z $signalled ]] # else the signal may have ended the wait, not the command: asked again, bash still knows how it ended
    do :; done
    [[ $status -eq 3 && -z $told && $try -lt ${TRIES:-5} ]] || exit "$status"
    sleep "${PAUSE:-60}" &
    child=$!
    [[ -n $told ]] || wait "$child"
    [[ -z $told ]] || exit "$status"
done
