#!/bin/sh
# Builds every guest of manifest.json into guests/built/ (or into the folder given). Needs gcc and GNU ld for x86-64.
# The same compiler gives the same bytes in any checkout: paths in the debugging information are relative to it.
# `build.sh --check` builds aside and compares with what is committed.
set -eu
check=
target=
case ${1-} in
--check) check=yes ;;
?*) target=$(mkdir -p "$1" && cd "$1" && pwd) ;;
esac
cd "$(dirname "$0")/.."

objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
if [ -n "$check" ]; then
    built=$objects/built
    mkdir "$built"
else
    built=${target:-guests/built}
    mkdir -p "$built"
fi
# In a file, for the path may contain spaces.
printf '"-ffile-prefix-map=%s=."\n' "$PWD" > "$objects/prefix-map"

CC=${CC:-gcc}
COMMON="-std=gnu17 -gdwarf-5 -ffreestanding -fno-builtin -fno-strict-aliasing -fpie -fvisibility=hidden -mno-red-zone \
 -mgeneral-regs-only -fno-omit-frame-pointer -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
 -Wall -Wextra -Werror -Iguests/lib"
GCC_FLAGS="$COMMON -Og -gno-variable-location-views -fno-var-tracking -gno-record-gcc-switches @$objects/prefix-map \
 -fno-tree-loop-distribute-patterns"
CLANG_FLAGS="$COMMON -O1 -fdebug-compilation-dir=."
LINK="-nostdlib -static -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,norelro -Wl,--no-warn-rwx-segments \
 -Wl,-z,noexecstack -Wl,-T,guests/lib/kernel.ld"

library=
for source in guests/lib/*.c guests/lib/*.S; do
    object=$objects/lib-$(basename "$source").o
    # shellcheck disable=SC2086
    $CC $GCC_FLAGS -c "$source" -o "$object"
    library="$library $object"
done

# name kernel variant compiler strip flags...
node -e '
for (const g of JSON.parse(require("fs").readFileSync("guests/manifest.json", "utf8")).guests)
    console.log(g.name, g.kernel, g.variant ?? g.name, g.compiler ?? "gcc", g.stripped ? "yes" : "no", g.flags ?? "");
' > "$objects/list"
while read -r name kernel variant compiler strip flags; do
    [ "$compiler" = gcc ] && compiler=$CC
    if ! command -v "$compiler" > /dev/null; then
        echo "guests: $name left out: $compiler is not installed" >&2
        continue
    fi
    parts=
    for source in "guests/$kernel"/*.c; do
        object=$objects/$name-$(basename "$source").o
        define=
        if [ "$kernel" = xhci-kernel ]; then
            define="-DGUEST=$(echo "$variant" | tr 'a-z-' 'A-Z_') -DGUEST_NAME=\"$name\""
        fi
        common=$GCC_FLAGS
        [ "$compiler" = clang ] && common=$CLANG_FLAGS
        # shellcheck disable=SC2086
        $compiler $common $flags $define -c "$source" -o "$object"
        parts="$parts $object"
    done
    # shellcheck disable=SC2086
    $CC $LINK $parts $library -o "$built/$name.elf"
    [ "$strip" = no ] || strip "$built/$name.elf"
done < "$objects/list"

# The BIOS images that walk through the processor's modes and task switches: raw bytes, no ELF file.
for image in modes tasks; do
    $CC -Iguests/lib -c "guests/$image/bios.S" -o "$objects/$image.o"
    ld -m elf_x86_64 -N --no-warn-rwx-segments -Ttext=0 -e 0 -o "$objects/$image.elf" "$objects/$image.o"
    objcopy -O binary -j .text "$objects/$image.elf" "$built/$image.bin"
done

# What a BIOS boots from a disk, a stick or a disc.
for source in guests/boot-disk/boot.S guests/screens/screens.S; do
    image=$(basename "$(dirname "$source")")
    $CC -c "$source" -o "$objects/$image.o"
    ld -m elf_x86_64 -N --no-warn-rwx-segments -Ttext=0x7c00 -e 0 -o "$objects/$image.elf" "$objects/$image.o"
    objcopy -O binary -j .text "$objects/$image.elf" "$built/$image.bin"
done
chmod -x "$built"/*.bin

if [ -n "$check" ]; then
    failed=0
    for image in modes tasks boot-disk screens; do
        cmp "$built/$image.bin" "guests/built/$image.bin" || failed=1
    done
    while read -r name _; do
        [ -e "$built/$name.elf" ] || continue
        cmp "$built/$name.elf" "guests/built/$name.elf" || failed=1
    done < "$objects/list"
    [ "$failed" = 0 ] && echo "guests: committed files equal a fresh build ($(wc -l < "$objects/list"))"
    exit "$failed"
fi
echo "guests: built $(wc -l < "$objects/list") in $built"
