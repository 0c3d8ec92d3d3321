# Sourced by the lamina commands of a checkout and of an installation: starts Java. They set root, JAVA_HOME, jars (the
# directory with the libraries), lamina_home, and aot, where the record of a start is kept.
# shellcheck shell=bash

# start COMMAND…: does not return.
start() {
  local class_path cpu='' rehearsal java
  printf -v class_path "%s:" "$jars"/*.jar
  java=(
    "$JAVA_HOME/bin/java"
    --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow
    -XX:+UseSerialGC -XX:-UsePerfData
    "-Dlamina.home=$lamina_home" "-Dlamina.root=$root"
    -cp "$class_path"
  )
  # Class loading is most of a short command's time: the first start of a build records it, with a conversion, since that
  # is the command that runs longest. The record holds machine code, so another processor makes its own. What takes long
  # in a command is done by native code, or by processes of their own: the compiler that is quick to start is enough.
  java+=(-XX:TieredStopAtLevel=1)
  while [ "${cpu#flags}" = "$cpu" ] && [ "${cpu#Features}" = "$cpu" ] && read -r cpu; do :; done </proc/cpuinfo
  if ! record_is_good "$cpu" && mkdir -p "${aot%/*}" 2>/dev/null && rehearsal=$(mktemp -d "${aot%/*}/rehearsal.XXXXXX" 2>/dev/null); then
    tar -cf "$rehearsal/layer.tar" --exclude='*/rehearsal.*' --exclude='*.aot' -C "${jars%/*}" "${jars##*/}" -C "$JAVA_HOME" legal lib/modules
    "${java[@]}" -XX:AOTCacheOutput="$rehearsal/start.aot" io.lamina.host.cli.Main \
      layer convert --no-sync "$rehearsal/layer.tar" >/dev/null 2>&1 || true
    [ ! -e "$rehearsal/start.aot" ] || { printf '%s' "$cpu" >"$aot.cpu" && mv "$rehearsal/start.aot" "$aot"; }
    rm -rf "$rehearsal"
  fi
  [ -e "$aot" ] && java+=("-XX:AOTCache=$aot")
  exec "${java[@]}" io.lamina.host.cli.Main "$@"
}

# Whether a start was recorded, of this build and on this processor.
record_is_good() {
  [ -e "$aot" ] && [ "$aot" -nt "$built" ] && [ "$(<"$aot.cpu")" = "$1" ]
}
