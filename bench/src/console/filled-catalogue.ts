import { DatabaseSync } from 'node:sqlite';

/** How large the fleet is that lists are measured with. */
export interface FleetSize {
  readonly computers: number;
  /** Of all computers together; as many snapshots, but for those that failed. */
  readonly runs: number;
}

const msPerDay = 24 * 3_600_000;
const groups = 50;
const errors = ['storage.full', 'channel.refused', 'channel.timeout'] as const;
/** One in so many runs failed. */
const failedEvery = 97;

/**
 * Rows of a fleet in the catalogue of a server that is not running: each computer has a repository, and one run a day. Only what lists
 * and the overview look at is as in a real one.
 */
export function fillCatalogue(path: string, { computers, runs }: FleetSize): void {
  using database = new DatabaseSync(path);
  database.exec(
    'pragma foreign_keys = off; pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -500000; begin',
  );
  const insert = (table: string, columns: readonly string[]) => {
    const places = columns.map(() => '?').join(', ');
    return database.prepare(`insert into ${table} (tenant, ${columns.join(', ')}) values ('local', ${places})`);
  };
  const mover = idOf(computers);
  const addComputer = insert('computers', [
    ...['id', 'role', 'groupName', 'hostname', 'address', 'platform', 'productVersion', 'portsJson'],
    ...['certificateSerial', 'certificateFingerprint', 'certificateExpiresAt', 'enrolledAt'],
  ]);
  const certificate = (number: number) => [
    number.toString(16).padStart(4, '0'),
    `${number}`.padStart(43, 'f'),
    daysAgo(-300),
  ];
  addComputer.run(
    mover,
    'mover',
    'default',
    'store',
    '10.1.0.1',
    'linux',
    '0.1.0',
    '{}',
    ...certificate(computers),
    daysAgo(400),
  );
  const addMember = insert('jobMembers', ['jobId', 'agentId', 'groupName', 'kind']);
  const addRepository = insert('repositories', [
    ...['id', 'name', 'groupName', 'moverId', 'location', 'sealedPassword', 'createdAt', 'usedBytes', 'measuredAt'],
  ]);
  for (let number = 0; number < computers; number += 1) {
    const [id, group] = [idOf(number), `group-${number % groups}`];
    // In another order than they were enrolled in.
    const name = `host-${String((number * 7919) % computers).padStart(5, '0')}`;
    const address = `10.0.${number >> 8}.${number & 255}`;
    const joined = daysAgo(400 - number / computers);
    addComputer.run(id, 'agent', group, name, address, 'linux', '0.1.0', '{}', ...certificate(number), joined);
    addMember.run(idOf(number % 500), id, '', 'job');
    addRepository.run(id, `of-${name}`, group, mover, '', '', joined, number * 1_000_000, daysAgo(0));
  }
  const addRun = insert('runs', [
    ...['id', 'kind', 'agentId', 'repositoryId', 'orderJson', 'state', 'sessionId', 'handedOver', 'cancelRequested'],
    ...[
      'queuedAt',
      'startedAt',
      'endedAt',
      'errorJson',
      'errorCode',
      'problemsJson',
      'problemCount',
      'degradationsJson',
      'jobSessionId',
    ],
  ]);
  const addSnapshot = insert('snapshots', [
    ...['id', 'repositoryId', 'agentId', 'hostname', 'sourcesJson', 'tagsJson', 'takenAt'],
    ...['totalFiles', 'totalBytes', 'storedBytes'],
  ]);
  for (let number = 0; number < runs; number += 1) {
    const computer = number % computers;
    const id = idOf(computer);
    // The oldest first, spread over each day.
    const at = daysAgo(Math.ceil((runs - number) / computers) - 1 + (computer % 1000) / 1001);
    const error = number % failedEvery === 0 ? errors[number % errors.length] : undefined;
    const report =
      error && JSON.stringify({ code: error, message: error, retry: 'permanent', guidance: '', context: {} });
    addRun.run(
      ...[idOf(number), 'backup', id, id, order, error ? 'failed' : 'succeeded', idOf(number), 1, 0],
      ...[at, at, at, report ?? null, error ?? null, '[]', 0, '[]', idOf(number % 30)],
    );
    if (!error)
      addSnapshot.run(
        String(number).padStart(64, '0'),
        id,
        id,
        `host-${computer}`,
        '["/srv"]',
        '[]',
        at,
        1000,
        1e9,
        1e6,
      );
  }
  database.exec('commit; analyze');
}

const order = JSON.stringify({ kind: 'backup', sources: ['/srv'] });

function idOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

function daysAgo(days: number): string {
  return new Date(Date.now() - days * msPerDay).toISOString();
}
