/** What docs/benchmarks.md explains, whatever was measured. */

export const whatTheLimitsAre = `The aim is a ratio to the fastest peer, or, where the machine forbids that, 80 % of its limit. The limit is measured by
a small program that does the work of the row on all cores and nothing else, with the product's own primitives: read,
chunk, hash, compress with zstd, AES-CTR, Poly1305, write and sync; with Node's hash and with several hashes side by side,
of which the faster counts. It keeps no index, writes no trees, and has started before the clock does. Nobody can be faster
with these primitives; a peer with other ones may be. \`limit s\` stands for that, \`of the limit\` for how much of it
Holdfast reaches. CPU seconds are compared with the peer that needs least. Allowed memory is restic's peak
and the 60 MiB of Node, and with a large index at most 64 bytes for each blob and 300 MiB.`;

export const howItIsMeasured = `The programs take turns: each step is run by all of them before the next step, and another one begins in each round.
Every command is a process of its own with an empty home; its caches last for one round. Before it starts, everything
written is synced to disk and all of its input is read once, or, for backups of unchanged files, asked for its attributes:
the page cache is warm for all. Times are of the whole process from its start until all that it wrote is on disk: a program
that does not sync what it writes is followed by a \`syncfs\`, whose time is shown apart and counts. CPU seconds and peak
memory are of the whole process tree, and over the network of the server's as well. Peak memory is resident memory, which counts files
that are mapped. The ratio is the median of the fastest peer divided by the program's own: above 1 is faster than every
peer.

Restores are compared with their source outside of the measured time: names, every byte, modes, times, links; after every
restore row, and in the last round after all others, so that no backup and no prune counts that cannot be restored. In the
last round one byte of each checked repository is changed, and its check must notice. A prune must have freed something.
A program with a wrong result has no time in the table and no part in the ratio.`;

export const whatIsFair = `- Encryption is on everywhere, and compression is zstd of the class of level 3.
- What the programs promise differs: Holdfast and restic sync every file of a repository before what refers to it is written,
  others at the end; Holdfast also syncs what it restores, the others leave that to the system. The clock therefore stops
  for all of them when everything is on disk.
- \`check\` of restic's format hashes packs and blobs, borg's verifies the data it decrypts, kopia's restores every file to
  nowhere. All of them read everything.
- Chunks have about 1 MiB in restic's format and 2 MiB in borg's, so borg stores more of a file of which 1 % changed, and
  has fewer chunks to remember.
- Over the network each program uses its own server: Holdfast its mover, with grants and a ledger of who stored what,
  beside a running backup server and agent; restic its REST server, which asks for no password.
- \`prune\` is the commands that forget and that free the space, together, each with its own limit for what may stay
  unused. rustic is told to delete at once, which it does not by default.
- The repository with a large index is in restic's format, so only programs of that format can be measured with it. Half of
  its packs are in use by one old snapshot, half are not; index, trees and snapshot are real, the packs are holes.`;

export const whatTheDataIs = `All of it but mixed is made from a fixed seed. big-random is one file that cannot be compressed. big-text is one file of
sentences and of servers' logs; zstd's level 3 in chunks of 1 MiB gets it to 45 %. In one-percent pages of 64 KiB with 1 %
of its bytes are written anew in place, and 1,000 random bytes inserted after a third. small-files are files of 0 to
64 KiB, half of them below 4 KiB, 20 to a folder: three fifths text and lines of logs, a fifth records of a program, a fifth
incompressible; one in ten is a copy of another, one in fifty is empty. tiny-files are half empty, half up to 200 bytes,
100 to a folder. history is a smaller tree like small-files of which 2 % is written anew between two backups. mixed is the
largest folder of the system that fits the preset.`;
