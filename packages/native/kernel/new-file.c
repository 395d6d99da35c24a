/*
 * Makes one file with its content, owner, mode and times: the calls that Node makes for it, without what Node adds to each.
 * Linux on x64, which its system calls are of.
 */
#include <stdint.h>

/* The same as in new-file.ts. */
struct attributes {
  int64_t accessedNs, modifiedNs;
  uint32_t permissions, setsOwner, uid, gid;
};

/* asm/unistd_64.h */
enum { CLOSE = 3, PWRITE64 = 18, FCHMOD = 91, FCHOWN = 93, OPENAT = 257, UNLINKAT = 263, UTIMENSAT = 280 };
/* O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC */
enum { NEW_FILE = 02 | 0100 | 0200 | 0400000 | 02000000, OWNER_ONLY = 0600 };
#define SECOND INT64_C(1000000000)

static int64_t call(int64_t number, int64_t a, int64_t b, int64_t c, int64_t d) {
  register int64_t fourth __asm__("r10") = d;
  int64_t result;
  __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c), "r"(fourth) : "rcx", "r11", "memory");
  return result;
}

/* timespec wants 0 <= nanoseconds, also before 1970. */
static void put(int64_t *time, int64_t ns) {
  time[1] = (ns % SECOND + SECOND) % SECOND;
  time[0] = ns / SECOND - (ns % SECOND < 0);
}

static int fill(int64_t fd, const uint8_t *bytes, uint64_t size, const struct attributes *to) {
  for (uint64_t done = 0; done < size;) {
    const int64_t written = call(PWRITE64, fd, (int64_t)(bytes + done), (int64_t)(size - done), (int64_t)done);
    if (written <= 0) return 0;
    done += (uint64_t)written;
  }
  int64_t times[4];
  put(times, to->accessedNs);
  put(times + 2, to->modifiedNs);
  /* A change of owner clears setuid. */
  return (!to->setsOwner || call(FCHOWN, fd, to->uid, to->gid, 0) == 0) && call(FCHMOD, fd, to->permissions, 0, 0) == 0 &&
         call(UTIMENSAT, fd, 0, (int64_t)times, 0) == 0;
}

/* 1 when the file is there as it is to be; 0 when nothing of it is. What had the name before stays. */
__attribute__((visibility("default"))) uint32_t holdfast_new_file(
    uint32_t folder, uint64_t name, uint64_t bytes, uint64_t size, uint64_t attributes) {
  const int64_t fd = call(OPENAT, folder, (int64_t)name, NEW_FILE, OWNER_ONLY);
  if (fd < 0) return 0;
  const int isWhole = fill(fd, (const uint8_t *)bytes, size, (const struct attributes *)attributes);
  const int isClosed = call(CLOSE, fd, 0, 0, 0) == 0;
  if (isWhole && isClosed) return 1;
  call(UNLINKAT, folder, (int64_t)name, 0, 0);
  return 0;
}
