# Sourced by ./lamina, ./test and ./bench: finds or installs what they need. Every step says what it does, does nothing
# when there is nothing to do, and can be run again. Caller: set `install` to 0 to be told instead of served.
# shellcheck shell=bash

: "${install:=1}"

say()  { printf 'lamina: %s\n' "$*" >&2; }
fail() { say "$*"; exit 125; }

# Debian packages by name. build: compile. run: boot an image. quickstart: also make one. dist: make
# packages. test: also judge the result.
packages_for() {
  case $1 in
    build)      echo maven ;;
    run)        echo qemu-system-x86 xz-utils libisal2 ;;
    quickstart) echo qemu-system-x86 xz-utils libisal2 umoci ;;
    dist)       echo maven xz-utils libisal2 ;;
    test)       echo libisal2 qemu-system-x86 busybox-static xz-utils umoci skopeo qemu-utils erofs-utils cryptsetup-bin strace openssl attr acl libcap2-bin swtpm ovmf systemd systemd-boot-efi e2fsprogs xfsprogs ;;
  esac
}

# need_packages WHAT: the packages of packages_for WHAT, those that are missing being installed in one go.
need_packages() {
  local package missing=()
  command -v dpkg-query >/dev/null || fail "this is no Debian system; install the equivalents of: $(packages_for "$1")"
  for package in $(packages_for "$1"); do
    has_package "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$install" = 0 ]; then
    say "missing Debian packages: ${missing[*]}"
    return 1
  fi
  say "installing Debian packages: ${missing[*]}"
  apt_get update -qq
  apt_get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Debian packages that containerd's tests unpack and run without installing them, so that nothing starts by itself: from
# this machine's own package sources, and containerd from two suites, for its versions 1.7 and 2.
containerd_tools="runc docker-registry"
containerd_suites="trixie sid"

# need_containerd: unpacks them in $lamina_home/containerd/{tools,SUITE}. Package lists and caches are kept there, too.
need_containerd() {
  local place=$lamina_home/containerd suite missing=()
  [ -x "$place/tools/usr/bin/docker-registry" ] || missing+=("$containerd_tools")
  for suite in $containerd_suites; do
    [ -x "$place/$suite/usr/bin/containerd" ] || missing+=("containerd of $suite")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$install" = 0 ]; then
    say "missing, to be unpacked in $place: ${missing[*]}"
    return 1
  fi
  say "unpacking Debian packages in $place: ${missing[*]}"
  mkdir -p "$place"
  unpack_debian "$place/tools" "" $containerd_tools || return 1
  for suite in $containerd_suites; do
    unpack_debian "$place/$suite" "$suite" containerd || return 1
  done
}

# Where this machine gets Debian's own packages from; known before the first update, too.
debian_mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' | grep -m1 -E '/debian/?$'
}

# unpack_debian DIR SUITE PACKAGE…: downloads packages, of SUITE where one is named, and unpacks them in DIR.
unpack_debian() {
  local target=$1 suite=$2 work options=()
  shift 2
  work=$(mktemp -d "${TMPDIR:-/tmp}/lamina-apt.XXXXXX")
  if [ -n "$suite" ]; then
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/none"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) $suite main" >"$work/sources.list"
    options=(-o "Dir::Etc::sourcelist=$work/sources.list" -o "Dir::Etc::sourceparts=$work/none"
      -o "Dir::Etc::preferencesparts=$work/none" -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache")
  fi
  (
    cd "$work"
    chmod 755 . # apt downloads as a user of its own
    [ -z "$suite" ] || apt-get "${options[@]}" update -qq
    apt-get "${options[@]}" download -qq "$@" 2>/dev/null
    rm -rf "$target.new"
    for package in ./*.deb; do
      dpkg-deb -x "$package" "$target.new"
    done
    rm -rf "$target"
    mv "$target.new" "$target"
  ) || { rm -rf "$work"; say "downloading $* failed"; return 1; }
  rm -rf "$work"
}

# QEMU before 8 counts as missing: its emulation crashes guests of Linux 6.12.
has_package() {
  local status version
  read -r status version < <(dpkg-query -W -f='${db:Status-Status} ${Version}\n' "$1" 2>/dev/null) || return 1
  [ "$status" = installed ] || return 1
  [ "$1" != qemu-system-x86 ] || dpkg --compare-versions "$version" ge 1:8
}

# apt-get as root. On Debian 12, QEMU comes from backports.
apt_get() {
  local as_root=() options=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "installing packages needs root; run: apt-get $*"
    as_root=(sudo)
  fi
  if [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" = bookworm ]; then
    backports_of_bookworm
    options=(-o "Dir::Etc::sourceparts=$apt_sources" -o "Dir::Etc::preferencesparts=$apt_preferences")
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" "$@"
}

# Sources and preferences of this machine, and backports for QEMU alone, in a directory of our own: /etc stays as it is.
backports_of_bookworm() {
  apt_sources=$lamina_home/apt/sources apt_preferences=$lamina_home/apt/preferences
  [ -e "$apt_preferences/lamina" ] && return 0
  mkdir -p "$apt_sources" "$apt_preferences"
  cp -a /etc/apt/sources.list.d/. "$apt_sources" 2>/dev/null || true
  cp -a /etc/apt/preferences.d/. "$apt_preferences" 2>/dev/null || true
  cat >"$apt_sources/lamina-backports.sources" <<SOURCES
Types: deb
URIs: $(debian_mirror)
Suites: bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
  cat >"$apt_preferences/lamina" <<'PREFERENCES'
Package: src:qemu src:seabios
Pin: release n=bookworm-backports
Pin-Priority: 990
PREFERENCES
}

# Sets JAVA_HOME to a JDK 25: the caller's, one of the system's, or Debian's package.
need_jdk() {
  local home
  for home in "${JAVA_HOME:-}" /usr/lib/jvm/*25*; do
    if is_jdk_25 "$home"; then
      export JAVA_HOME=$home
      return 0
    fi
  done
  [ "$install" = 1 ] || { say "missing: a JDK 25 (Debian package openjdk-25-jdk-headless, from Debian 13 on)"; return 1; }
  apt_get update -qq
  local package
  for package in openjdk-25-jdk-headless temurin-25-jdk; do
    if [ -n "$(apt-cache policy "$package" 2>/dev/null | grep -E 'Candidate: [0-9]')" ]; then
      say "installing a JDK: $package"
      apt_get install -y -qq --no-install-recommends "$package" >/dev/null
      for home in /usr/lib/jvm/*25*; do
        is_jdk_25 "$home" && { export JAVA_HOME=$home; return 0; }
      done
    fi
  done
  fail "no package source of this machine offers a JDK 25: Debian 13 does; on Debian 12 add Adoptium's (temurin-25-jdk), or set JAVA_HOME"
}

is_jdk_25() {
  [ -n "$1" ] && [ -x "$1/bin/javac" ] && [ -x "$1/bin/jlink" ] && [ -e "$1/release" ] || return 1
  [[ $(<"$1/release") == *'JAVA_VERSION="25'* ]]
}

# Maven, quietly: its own start would print warnings on a JDK 25.
maven() {
  MAVEN_OPTS="--enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow ${MAVEN_OPTS:-}" \
    mvn -B -ntp -Dstyle.color=never "$@"
}

# Compiles the project when a source is newer than the last build.
need_build() {
  local stamp=$root/target/built
  if [ -e "$stamp" ] && [ -z "$(find "$root"/pom.xml "$root"/*/pom.xml "$root"/*/src/main -newer "$stamp" -print -quit)" ]; then
    return 0
  fi
  need_packages build
  mkdir -p "$root/target"
  (
    flock 9
    say "building (a minute or two the first time)"
    touch "$stamp.start"
    (cd "$root" && maven -q -DskipTests -Dlamina.test.compile.skip=true -pl host-service,guest-agent -am package >&2) || fail "the build failed; see above"
    mv "$stamp.start" "$stamp"
  ) 9>"$root/target/build.lock"
}
