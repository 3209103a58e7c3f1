#!/usr/bin/env bash
# Prints the home of a Java 17 or 21, or says in one sentence how to get one.
# With YES=1 or CI=true it installs one on Debian and Ubuntu.
set -euo pipefail

major() { # of the Java below a home; nothing where it does not run (macOS has a java that only opens a window)
    "$1/bin/java" -version 2>&1 | sed -nE '1,5s/.*version "([0-9]+).*/\1/p' | head -n 1
}

fits() {
    [[ -x $1/bin/java ]] && [[ $(major "$1") == 17 || $(major "$1") == 21 ]]
}

homes() { # where one may be: what was chosen, what is on the path, where packages put it
    [[ -z ${JAVA_HOME:-} ]] || echo "$JAVA_HOME"
    local java
    if java=$(command -v java); then
        java=$(readlink -f "$java" 2>/dev/null || echo "$java")
        dirname "$(dirname "$java")"
    fi
    local version
    for version in 17 21; do
        [[ ! -x /usr/libexec/java_home ]] || /usr/libexec/java_home -F -v "$version" 2>/dev/null || true
        printf '%s\n' /usr/lib/jvm/*"-$version"* {/opt/homebrew,/usr/local}/opt/openjdk@"$version"
    done
}

find_java() {
    local home
    while IFS= read -r home; do
        if fits "$home"; then
            echo "$home"
            return 0
        fi
    done < <(homes)
    return 1
}

install_java() {
    command -v apt-get >/dev/null || return 1
    local root=() version
    [[ $(id -u) == 0 ]] || root=(sudo -n)
    "${root[@]}" apt-get update -qq || return 1
    for version in 17 21; do # Debian 12 has 17, Debian 13 has 21
        apt-cache show "openjdk-$version-jre-headless" >/dev/null 2>&1 || continue
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "openjdk-$version-jre-headless" && return 0
    done
    return 1
}

command_for_this_system() {
    case $(uname -s) in
        Darwin) echo "brew install openjdk@17" ;;
        Linux)
            if command -v apt-get >/dev/null; then
                echo "sudo apt-get install openjdk-17-jre-headless (Debian 13: openjdk-21-jre-headless; or YES=1 does it for you)"
            else
                echo "install your distribution's OpenJDK 17 or 21"
            fi
            ;;
        *) echo "on Windows use WSL (wsl --install), then inside it: sudo apt-get install openjdk-17-jre-headless" ;;
    esac
}

if find_java; then exit 0; fi
if [[ ${YES:-} == 1 || ${CI:-} == true ]]; then
    echo "java: installing Java" >&2
    if install_java >&2 && find_java; then exit 0; fi
fi
echo "java: Spark needs Java 17 or 21, and none was found: $(command_for_this_system)" >&2
exit 2
