/*
 * Whether a folder is what its tree in a snapshot says: the text of each node is compared with what it would be now, entry by entry,
 * which is nearly all of the work of a backup without changes. Only what is plain is compared here: files and folders without extended
 * attributes, names without a character that JSON or restic escapes, times of four-digit years since 1970. All else "differs", and
 * is for the caller to look at. Linux on x64, which its system calls are of.
 */
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

enum { SAME = 0, DIFFERS = 1, WANTS_DAY = 2, WANTS_OWNER = 3, WANTS_ROOM = 4, LACKS_CALL = 5 };
/* The same as in compare-folder.ts. */
enum { DAYS = 4096, IDS = 1024, FOLDERS = 256, LIST_BYTES = 64 * 1024 };
enum { NAME_MAX = 255, ID_CHARS = 64, SECONDS_OF_DAY = 86400 };
/* JavaScript's numbers are exact up to this one. */
#define MAX_EXACT ((UINT64_C(1) << 53) - 1)

/* linux/stat.h */
struct when {
  int64_t seconds;
  uint32_t nanos;
  int32_t reserved;
};
struct status {
  uint32_t mask, blockSize;
  uint64_t attributes;
  uint32_t links, uid, gid;
  uint16_t mode, spare;
  uint64_t inode, size, blocks, attributesMask;
  struct when atime, btime, ctime, mtime;
  uint32_t rdevMajor, rdevMinor, devMajor, devMinor;
  uint64_t rest[14];
};

/* A day of UTC and what local time is in all of it. */
struct day {
  int32_t day, offsetSeconds;
  uint8_t isKnown, zoneLength, zone[6];
};

struct folder {
  uint32_t nodeAt, treeAt, devMajor, devMinor;
};

struct comparison {
  const uint8_t *text;
  uint64_t length;
  const struct day *days;
  const uint8_t *owner;
  uint8_t *list, *ids;
  struct folder *folders;
  uint64_t maxSize;
  /* Of the entries; all ones for any. */
  uint64_t device;
  uint32_t fd, ownerLength, uid, gid;
  /* No more than these are compared. */
  uint64_t maxEntries;

  /* Where the next node begins; 0 before the first. */
  uint64_t at;
  uint64_t entriesLeft, files, bytes, nameAt, nameLength;
  /* Since this call began. */
  uint64_t idCount, folderCount;
  int64_t wantedDay;
  uint32_t wantedUid, wantedGid;
  /* The sum of the names that are listed in the folder and not compared yet. */
  uint64_t namesLeft;
};

static long call(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

enum { LSEEK = 8, GETDENTS64 = 217, STATX = 332, LISTXATTRAT = 465 };
/* linux/fcntl.h: AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT; STATX_BASIC_STATS */
enum { NO_FOLLOW = 0x100, NO_AUTOMOUNT = 0x800, BASIC_STATS = 0x7ff };

/* Where the text of a node is compared; `good` until something differs. There are NULs behind no text: every step looks at the end. */
struct cursor {
  const uint8_t *at, *end;
  int good;
};

static void expect(struct cursor *text, const uint8_t *wanted, uint64_t length) {
  if (!text->good || (uint64_t)(text->end - text->at) < length) {
    text->good = 0;
    return;
  }
  for (uint64_t i = 0; i < length; i++)
    if (text->at[i] != wanted[i]) {
      text->good = 0;
      return;
    }
  text->at += length;
}

#define EXPECT(text, literal) expect(text, (const uint8_t *)(literal), sizeof(literal) - 1)

static void expect_number(struct cursor *text, uint64_t number) {
  uint8_t digits[20];
  int first = 20;
  do digits[--first] = '0' + number % 10, number /= 10;
  while (number != 0);
  expect(text, digits + first, 20 - first);
}

static void two_digits(uint8_t *to, uint32_t number) {
  to[0] = '0' + number / 10, to[1] = '0' + number % 10;
}

/* 2026-11-21T10:00:00.123456789+01:00, without zeros at the end of the fraction. False for a day that is not known. */
static int expect_time(struct comparison *c, struct cursor *text, const struct when *time) {
  const int64_t seconds = time->seconds;
  if (seconds < 0 || seconds > INT64_C(253402300799)) {
    text->good = 0;
    return 1;
  }
  const int64_t utcDay = seconds / SECONDS_OF_DAY;
  const struct day *day = &c->days[utcDay % DAYS];
  if (!day->isKnown || day->day != utcDay) {
    c->wantedDay = utcDay;
    return 0;
  }
  const int64_t local = seconds + day->offsetSeconds;
  if (day->zoneLength == 0 || local < 0 || local > INT64_C(253402300799)) {
    text->good = 0;
    return 1;
  }
  /* Howard Hinnant's civil_from_days, from 1970 on: eras of 400 years that begin in March. */
  const uint32_t z = local / SECONDS_OF_DAY + 719468, era = z / 146097, inEra = z % 146097;
  const uint32_t yearOfEra = (inEra - inEra / 1460 + inEra / 36524 - inEra / 146096) / 365;
  const uint32_t dayOfYear = inEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100), fromMarch = (5 * dayOfYear + 2) / 153;
  const uint32_t month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9, year = yearOfEra + era * 400 + (month <= 2);
  const uint32_t inDay = local % SECONDS_OF_DAY;
  uint8_t chars[30] = "0000-00-00T00:00:00.000000000";
  two_digits(chars, year / 100), two_digits(chars + 2, year % 100), two_digits(chars + 5, month);
  two_digits(chars + 8, dayOfYear - (153 * fromMarch + 2) / 5 + 1);
  two_digits(chars + 11, inDay / 3600), two_digits(chars + 14, inDay / 60 % 60), two_digits(chars + 17, inDay % 60);
  uint32_t length = 19;
  if (time->nanos != 0) {
    uint32_t rest = time->nanos;
    for (int at = 28; at > 19; at--) chars[at] = '0' + rest % 10, rest /= 10;
    for (length = 29; chars[length - 1] == '0';) length--;
  }
  expect(text, chars, length);
  expect(text, day->zone, day->zoneLength);
  return 1;
}

/* Go's FileMode; see file-mode.ts. */
static uint64_t go_mode(uint32_t mode) {
  return (mode & 0777) | (mode & 04000 ? 1 << 23 : 0) | (mode & 02000 ? 1 << 22 : 0) | (mode & 01000 ? 1 << 20 : 0) |
         ((mode & 0170000) == 0040000 ? UINT64_C(1) << 31 : 0);
}

/* glibc's makedev(3) */
static uint64_t device_number(uint64_t major, uint64_t minor) {
  return (major & 0xfffff000) << 32 | (major & 0xfff) << 8 | (minor & 0xffffff00) << 12 | (minor & 0xff);
}

static int hex_value(uint8_t c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* An id, its bytes into `to` where that is wanted. */
static void expect_id(struct cursor *text, uint8_t *to) {
  if (!text->good || text->end - text->at < ID_CHARS) {
    text->good = 0;
    return;
  }
  for (int i = 0; i < ID_CHARS / 2; i++) {
    const int high = hex_value(text->at[2 * i]), low = hex_value(text->at[2 * i + 1]);
    if (high < 0 || low < 0) text->good = 0;
    if (to) to[i] = high << 4 | low;
  }
  text->at += ID_CHARS;
}

/* FNV-1a, mixed as MurmurHash3 does at its end: without that, sums of names that differ in their last characters would be equal. */
static uint64_t name_hash(const uint8_t *name) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (; *name != 0; name++) hash = (hash ^ *name) * UINT64_C(0x100000001b3);
  hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
  hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
  return hash ^ hash >> 33;
}

/*
 * The number of entries, "." and ".." aside (of more than are compared, not of all), and the sum of their names; below zero if they
 * can't be listed. They can be listed again after that, from the first on, also where the list has broken off.
 */
static long count_entries(struct comparison *c) {
  long count = 0;
  c->namesLeft = 0;
  for (;;) {
    const long length = call(GETDENTS64, c->fd, (long)c->list, LIST_BYTES, 0, 0, 0);
    if (length <= 0 || (uint64_t)count > c->maxEntries)
      return call(LSEEK, c->fd, 0, 0, 0, 0, 0) == 0 && length >= 0 ? count : -1;
    for (long at = 0; at < length;) {
      /* struct linux_dirent64: length at 16, name at 19. */
      const uint8_t *entry = c->list + at, *name = entry + 19;
      at += entry[16] | entry[17] << 8;
      if (name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0))) continue;
      count++;
      c->namesLeft += name_hash(name);
    }
  }
}

/* The name at the cursor, which it is taken behind: 0 unless it is plain, possible, and behind the one before. */
static uint64_t take_name(const struct comparison *c, struct cursor *text, uint8_t *name) {
  uint64_t length = 0;
  for (;; length++) {
    if (text->at + length == text->end || length > NAME_MAX) return 0;
    const uint8_t b = text->at[length];
    if (b == '"') break;
    if (b < 0x20 || b >= 0x7f || b == '\\' || b == '<' || b == '>' || b == '&' || b == '/' || length == NAME_MAX) return 0;
    name[length] = b;
  }
  name[length] = 0;
  if (length == 0 || (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')))) return 0;
  const uint8_t *before = c->text + c->nameAt;
  uint64_t i = 0;
  while (i < length && i < c->nameLength && name[i] == before[i]) i++;
  if (i < c->nameLength && (i == length || name[i] < before[i])) return 0;
  if (i == c->nameLength && i == length) return 0;
  text->at += length;
  return length;
}

/* Compares the next node. */
static int compare_node(struct comparison *c) {
  struct cursor text = {c->text + c->at, c->text + c->length, 1};
  uint8_t name[NAME_MAX + 1];
  EXPECT(&text, "{\"name\":\"");
  if (!text.good) return DIFFERS;
  const uint64_t nameAt = text.at - c->text, nameLength = take_name(c, &text, name);
  if (nameLength == 0) return DIFFERS;

  struct status seen;
  if (call(STATX, c->fd, (long)name, NO_FOLLOW | NO_AUTOMOUNT, BASIC_STATS, (long)&seen, 0) != 0) return DIFFERS;
  const int isFolder = (seen.mode & 0170000) == 0040000;
  if (!isFolder && (seen.mode & 0170000) != 0100000) return DIFFERS;
  const uint64_t device = device_number(seen.devMajor, seen.devMinor);
  if (seen.inode > MAX_EXACT || seen.size > MAX_EXACT || (c->device != UINT64_MAX && device != c->device)) return DIFFERS;
  if (!isFolder && seen.size > c->maxSize) return DIFFERS;
  /* Attributes are asked for even where the change time is what it was: not every file system sets it with them. */
  const long attributes = call(LISTXATTRAT, c->fd, (long)name, NO_FOLLOW, (long)c->list, LIST_BYTES, 0);
  /* ENOSYS and EPERM: an older kernel, or a sandbox that does not know the call. */
  if (attributes != 0) return attributes == -38 || attributes == -1 ? LACKS_CALL : DIFFERS;

  if (isFolder) EXPECT(&text, "\",\"type\":\"dir\"");
  else EXPECT(&text, "\",\"type\":\"file\"");
  const uint64_t mode = go_mode(seen.mode);
  if (mode != 0) {
    EXPECT(&text, ",\"mode\":");
    expect_number(&text, mode);
  }
  EXPECT(&text, ",\"mtime\":\"");
  if (!expect_time(c, &text, &seen.mtime)) return WANTS_DAY;
  EXPECT(&text, "\",\"atime\":\"");
  if (!expect_time(c, &text, &seen.mtime)) return WANTS_DAY;
  EXPECT(&text, "\",\"ctime\":\"");
  if (!expect_time(c, &text, &seen.ctime)) return WANTS_DAY;
  if (!text.good) return DIFFERS;
  if (c->ownerLength == 0 || seen.uid != c->uid || seen.gid != c->gid) {
    c->wantedUid = seen.uid, c->wantedGid = seen.gid;
    return WANTS_OWNER;
  }
  expect(&text, c->owner, c->ownerLength);
  if (seen.inode != 0) {
    EXPECT(&text, ",\"inode\":");
    expect_number(&text, seen.inode);
  }

  uint64_t ids = c->idCount;
  uint64_t treeAt = 0;
  if (isFolder) {
    EXPECT(&text, ",\"content\":null,\"subtree\":\"");
    treeAt = text.at - c->text;
    expect_id(&text, 0);
    EXPECT(&text, "\"}");
  } else {
    if (seen.links > 1 && device != 0) {
      EXPECT(&text, ",\"device_id\":");
      expect_number(&text, device);
    }
    if (seen.size != 0) {
      EXPECT(&text, ",\"size\":");
      expect_number(&text, seen.size);
    }
    if (seen.links != 0) {
      EXPECT(&text, ",\"links\":");
      expect_number(&text, seen.links);
    }
    EXPECT(&text, ",\"content\":[");
    for (int isFirst = 1; text.good && text.at < text.end && *text.at != ']'; isFirst = 0) {
      if (!isFirst) EXPECT(&text, ",");
      EXPECT(&text, "\"");
      if (ids == IDS) return c->idCount == 0 ? DIFFERS : WANTS_ROOM;
      expect_id(&text, c->ids + ids * (ID_CHARS / 2));
      EXPECT(&text, "\"");
      ids++;
    }
    EXPECT(&text, "]}");
  }
  /* What separates it from the next, or ends the list. */
  if (c->entriesLeft > 1) EXPECT(&text, ",");
  if (!text.good) return DIFFERS;

  if (isFolder) {
    if (c->folderCount == FOLDERS) return WANTS_ROOM;
    c->folders[c->folderCount++] = (struct folder){c->at, treeAt, seen.devMajor, seen.devMinor};
  } else {
    c->files++;
    c->bytes += seen.size;
  }
  c->idCount = ids, c->nameAt = nameAt, c->nameLength = nameLength, c->at = text.at - c->text, c->entriesLeft--;
  c->namesLeft -= name_hash(name);
  return SAME;
}

/*
 * Begins, or goes on after the caller has done what was wanted. The tree has all of the folder when it has as many entries and the
 * sum of their names is the same: that each is found is not enough, because some file systems find a name in another case, or one
 * that they do not list. The caller still has to find the blobs of the ids.
 */
EXPORT uint32_t holdfast_compare_folder(struct comparison *c) {
  struct cursor text = {c->text, c->text + c->length, 1};
  int result = SAME;
  c->idCount = c->folderCount = 0;
  if (c->at == 0) {
    EXPECT(&text, "{\"nodes\":[");
    const long count = text.good ? count_entries(c) : -1;
    if (count < 0 || (uint64_t)count > c->maxEntries) result = DIFFERS;
    c->entriesLeft = count, c->files = c->bytes = c->nameAt = c->nameLength = 0;
    c->at = text.at - c->text;
  }
  while (result == SAME && c->entriesLeft > 0) result = compare_node(c);
  if (result == SAME) {
    text.at = c->text + c->at;
    EXPECT(&text, "]}\n");
    if (!text.good || text.at != text.end || c->namesLeft != 0) result = DIFFERS;
  }
  return result;
}
