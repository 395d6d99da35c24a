#!/bin/sh
# Builds the kernel for the processor's lanes: build.sh [OUTPUT]. Needs gcc 12 or later on Linux x64; the result needs no library.
set -eu
folder=$(dirname "$0")
output=${1:-$folder/sha256-lanes.linux-x64.so}
"${CC:-gcc}" -std=gnu11 -O3 -Wall -Wextra -Werror -fPIC -shared -nostdlib -ffreestanding -fvisibility=hidden -fno-stack-protector \
  -fno-asynchronous-unwind-tables -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,relro,-z,now -s -o "$output" "$folder/sha256-lanes.c"
