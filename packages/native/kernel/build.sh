#!/bin/sh
# Builds the kernels: build.sh [OUTPUT]. Needs gcc 12 or later on Linux x64; the result needs no library, memset and memcpy included.
set -eu
folder=$(dirname "$0")
output=${1:-$folder/kernels.linux-x64.so}
"${CC:-gcc}" -std=gnu11 -O3 -Wall -Wextra -Werror -fPIC -shared -nostdlib -ffreestanding -fno-tree-loop-distribute-patterns \
  -fvisibility=hidden -fno-stack-protector -fno-asynchronous-unwind-tables -Wl,--build-id=none -Wl,--no-undefined \
  -Wl,-z,noexecstack -Wl,-z,relro,-z,now -s -o "$output" "$folder"/*.c
