#!/bin/sh
# Builds every guest of manifest.json into guests/built/ (or into the folder given). Needs gcc and GNU ld for x86-64.
# The same compiler gives the same bytes in any checkout: paths in the debugging information are relative to it.
# `build.sh --check` builds aside and compares with what is committed.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
built=guests/built
check=
if [ "${1-}" = --check ]; then
    check=yes
    built=$(mktemp -d)
    trap 'rm -rf "$built" "$objects"' EXIT
elif [ $# -gt 0 ]; then
    built=$1
fi
objects=$(mktemp -d)
[ -n "$check" ] || trap 'rm -rf "$objects"' EXIT
mkdir -p "$built"

CC=${CC:-gcc}
FLAGS="-std=gnu17 -Og -gdwarf-5 -gno-variable-location-views -fno-var-tracking -gno-record-gcc-switches -ffile-prefix-map=$root=. \
 -ffreestanding -fno-builtin -fpie -fvisibility=hidden -mno-red-zone -mgeneral-regs-only -fno-omit-frame-pointer \
 -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns \
 -Wall -Wextra -Werror -Iguests/lib"
LINK="-nostdlib -static -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,norelro -Wl,--no-warn-rwx-segments \
 -Wl,-z,noexecstack -Wl,-T,guests/lib/kernel.ld"

library=
for source in guests/lib/*.c guests/lib/*.S; do
    object=$objects/lib-$(basename "$source").o
    # shellcheck disable=SC2086
    $CC $FLAGS -c "$source" -o "$object"
    library="$library $object"
done

# Each guest has its name and its kernel on the two first lines of its entry.
sed -n '/"name":/{s/.*"name": *"\([^"]*\)".*/\1/;h;n;s/.*"kernel": *"\([^"]*\)".*/\1/;H;x;s/\n/ /;p;}' guests/manifest.json > "$objects/list"
while read -r name kernel; do
    parts=
    for source in "guests/$kernel"/*.c; do
        object=$objects/$name-$(basename "$source").o
        define=
        if [ "$kernel" = xhci-kernel ]; then
            define="-DGUEST=$(echo "$name" | tr 'a-z-' 'A-Z_') -DGUEST_NAME=\"$name\""
        fi
        # shellcheck disable=SC2086
        $CC $FLAGS $define -c "$source" -o "$object"
        parts="$parts $object"
    done
    # shellcheck disable=SC2086
    $CC $LINK $parts $library -o "$built/$name.elf"
done < "$objects/list"

if [ -n "$check" ]; then
    failed=0
    while read -r name kernel; do
        cmp "$built/$name.elf" "guests/built/$name.elf" || failed=1
    done < "$objects/list"
    [ "$failed" = 0 ] && echo "guests: committed files equal a fresh build ($(wc -l < "$objects/list"))"
    exit "$failed"
fi
echo "guests: built $(wc -l < "$objects/list") in $built"
