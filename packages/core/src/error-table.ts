/**
 * Every error the product can report, in one table. The code is stable: scripts and monitoring match on it.
 * `docs/errors.md` is generated from this table.
 */

/** What a caller may do with the failure: give up, try again later, or find out first. */
export type Retry = 'permanent' | 'transient' | 'unknown';

/** Exit statuses of every `holdfast` command. They follow restic's where restic has one. */
export const exitStatus = {
  success: 0,
  /** The command failed. */
  failed: 1,
  /** The command line or a configuration value was wrong; nothing was done. */
  usage: 2,
  /** The work is done, but something was left out or went a second-best way: files unreadable, a fallback used. */
  incomplete: 3,
  repositoryMissing: 10,
  repositoryLocked: 11,
  wrongPassword: 12,
  /** Cancelled by a signal or on request. */
  cancelled: 130,
} as const;

export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];

export interface ErrorEntry {
  /** One line for the documentation: what happened. */
  readonly summary: string;
  /** What the person can do, unless the place that raises the error knows better. */
  readonly guidance: string;
  readonly retry: Retry;
  readonly exit: ExitStatus;
  /** The HTTP status an API of ours answers with. */
  readonly http: number;
}

const entry = (
  summary: string,
  guidance: string,
  options: { retry?: Retry; exit?: ExitStatus; http?: number } = {},
): ErrorEntry => ({
  summary,
  guidance,
  retry: options.retry ?? 'permanent',
  exit: options.exit ?? exitStatus.failed,
  http: options.http ?? 500,
});

export const errorTable = {
  // General
  'internal.unexpected': entry(
    'Something happened that Holdfast did not expect.',
    'Report it with the log of this run.',
    {
      retry: 'unknown',
    },
  ),
  'internal.limit': entry(
    'A built-in limit was reached.',
    'docs/architecture.md lists the limits and why they exist.',
    {
      http: 400,
    },
  ),
  'usage.option': entry('An option or argument is unknown or has a wrong value.', 'Run the command with --help.', {
    exit: exitStatus.usage,
    http: 400,
  }),
  'usage.configuration': entry('A configuration value is wrong.', 'Correct the value that the message names.', {
    exit: exitStatus.usage,
    http: 400,
  }),
  'lab.impossible': entry(
    'A lab of network namespaces could not be built, or a role in it did not start.',
    'It needs Linux, root, and the programs ip and nft (packages iproute2 and nftables).',
  ),
  'proof.signature': entry(
    'A proof and its signature do not belong together, or another installation has signed it.',
    'Take the document and its signature as they were signed, and the keys of the server that signed (`holdfast status --json`).',
  ),
  'run.cancelled': entry('The work was cancelled.', 'Start it again when you are ready; nothing was lost.', {
    exit: exitStatus.cancelled,
    http: 499,
  }),
  'run.timeout': entry('Something took longer than its limit.', 'Check the other end and try again.', {
    retry: 'transient',
    http: 504,
  }),
  'run.taken': entry(
    'Another instance of the server has the run by now.',
    'Nothing is to be done: it goes on there, and its end is recorded once.',
    { retry: 'transient', http: 503 },
  ),
  'process.running': entry(
    'Another Holdfast process already uses this data directory.',
    'Stop the other process, or choose another folder with --data.',
    { http: 409 },
  ),

  // The network
  'channel.unknown': entry('No channel of that name is in the contract.', 'Run `holdfast ports list`.', {
    exit: exitStatus.usage,
    http: 404,
  }),
  'channel.refused': entry(
    'The other end refused the connection: nothing listens there.',
    'Start the service at the other end.',
    {
      retry: 'transient',
      http: 502,
    },
  ),
  'channel.timeout': entry(
    'The connection was not answered: a firewall drops it, or the host is down.',
    'Open the port.',
    {
      retry: 'transient',
      http: 504,
    },
  ),
  'channel.name': entry('The host name could not be resolved.', 'Check the name and the DNS server.', {
    retry: 'transient',
    http: 502,
  }),
  'channel.tls': entry(
    'The TLS handshake failed.',
    'Check the certificates of both ends and whether something intercepts TLS.',
    {
      http: 502,
    },
  ),
  'channel.identity': entry(
    'The other end is not the role that the channel names.',
    'Check that the address is right; enrol the computer again if its certificate is lost.',
    {
      http: 403,
    },
  ),
  'channel.revoked': entry(
    'The certificate of the other end has been revoked.',
    'Enrol the computer again with a new join token.',
    {
      http: 403,
    },
  ),
  'channel.closed': entry(
    'The connection was cut.',
    'Check the network between both ends; an idle time-out or an intrusion-prevention system may have cut it.',
    {
      retry: 'transient',
      http: 502,
    },
  ),
  'channel.unreachable': entry('The network has no way to the other end.', 'Check routes and addresses.', {
    retry: 'transient',
    http: 502,
  }),
  'channel.address': entry(
    'The name leads to an address that may not be connected to.',
    'Give another host, or allow private addresses for this destination if that is meant.',
    { http: 403 },
  ),
  'port.occupied': entry(
    'Every port that the channel allows is taken.',
    'Free one of the ports that the message lists, or configure another.',
    {
      http: 503,
    },
  ),
  'port.forbidden': entry(
    'This user may not listen on that port.',
    'Give the process CAP_NET_BIND_SERVICE, or configure a port above 1023.',
    {
      http: 503,
    },
  ),
  'port.reserved': entry(
    'The operating system has reserved the port, though nothing listens on it.',
    'List the reserved ranges and move or release them.',
    {
      http: 503,
    },
  ),
  'firewall.lease': entry(
    "An opening for a session could not be made in the host's own firewall.",
    'Load the rules of `holdfast ports plan --leases` for nftables or firewalld; the process needs the right to change them.',
    { http: 503 },
  ),
  'firewall.unreadable': entry(
    "The host's own firewall, or its sockets, could not be read.",
    'Run the command as root, on Linux, where nft (package nftables) is installed.',
  ),
  'topology.invalid': entry(
    'A topology is wrong: the message names each mistake with file, line and column, or with its path where JSON was sent.',
    'Correct what the message names. docs/topology.schema.json describes the file to editors.',
    { exit: exitStatus.usage, http: 400 },
  ),
  'declaration.invalid': entry(
    'A fleet file (`holdfast apply`) is wrong: the message names each mistake with file, line and column.',
    'Correct what the message names; nothing was changed. docs/fleet.schema.json describes the file to editors.',
    { exit: exitStatus.usage, http: 400 },
  ),
  'plan.inexpressible': entry(
    'A firewall cannot express what the plan opens, not even wider, or has no room for it.',
    'Change the topology as the message says, or render the plan for another target.',
    { exit: exitStatus.usage, http: 400 },
  ),
  'lease.none': entry(
    'No data channel could be leased: every port of the range is in use.',
    'Wait for running jobs, or widen the range.',
    {
      retry: 'transient',
      http: 503,
    },
  ),
  'lease.refused': entry(
    'The data channel was refused: wrong nonce or certificate, or it has expired.',
    'Start the run again; if it persists, check that both computers are enrolled at the same server.',
    {
      retry: 'transient',
      http: 403,
    },
  ),

  // Identity and rights
  'auth.required': entry(
    'The request carries no valid proof of identity.',
    'Sign in with `holdfast login`, or pass a token with --token-file.',
    {
      http: 401,
    },
  ),
  'auth.forbidden': entry('The caller may not do that.', 'Ask an administrator for the right.', { http: 403 }),
  'auth.token': entry(
    'The join token is unknown, used up or expired.',
    'Make a new one with `holdfast token create`.',
    {
      http: 403,
    },
  ),
  'auth.recovery': entry(
    'The recovery token is unknown, used up, expired or revoked.',
    'Make a new one with `holdfast recovery token create`.',
    {
      http: 403,
    },
  ),
  'auth.fingerprint': entry(
    'The server is not the one whose fingerprint was given.',
    'Compare the fingerprint that `holdfast token create` printed; somebody may be in between.',
    {
      http: 403,
    },
  ),
  'auth.origin': entry(
    'A request with the cookie of a session did not come from a page of this server.',
    'Use the console at the address of the server; programs use a token instead of the cookie.',
    { http: 403 },
  ),
  'auth.set-up': entry(
    'The set-up code is wrong or has expired, or the server has an account already.',
    'The server prints a new one when it is started, and `holdfast set-up-link` does; where there is an account, sign in with it.',
    { http: 403 },
  ),
  'panel.link': entry(
    'The link to the control panel is wrong, was used before, or has expired.',
    'Run `holdfast panel` on that computer again: each link is good once.',
    { http: 403 },
  ),
  'panel.closed': entry(
    'There is no control panel on this computer.',
    'Start the agent (`holdfast agent`), or give its data directory with --data. Its log says why a panel did not open.',
  ),
  'auth.rate': entry('Too many attempts from this address.', 'Wait a minute and try again.', {
    retry: 'transient',
    http: 429,
  }),
  'database.unavailable': entry(
    'The database can not be reached, or went away while it was asked.',
    'Check that PostgreSQL runs and can be reached from this server; the server gets over its restarts by itself.',
    {
      retry: 'unknown',
      http: 503,
    },
  ),
  'database.identity': entry(
    'The database server did not prove that it is the one of the configuration.',
    'Its certificate has to be valid, for the host in the URL, and from the CA in `sslrootcert`. If it is all that, somebody is in between.',
    { http: 503 },
  ),
  'database.timeout': entry(
    'The database did not finish a statement in time.',
    'Try again; if it happens often, look what else the database server has to do.',
    {
      retry: 'transient',
      http: 503,
    },
  ),
  'auth.sign-in': entry(
    'Name, password or second factor is wrong.',
    'Try again; after several wrong attempts each further one has to wait. An administrator can reset a password.',
    { http: 401 },
  ),
  'auth.incomplete': entry(
    'Something has to be done first with the account: a new password, or a second factor.',
    'Run `holdfast login` again, which asks for it.',
    { http: 403 },
  ),
  'auth.step-up': entry(
    'The action asks for a second factor that was given just now.',
    'Give a code or passkey: `holdfast account confirm`. API tokens have none; sign in instead.',
    { http: 403 },
  ),
  'auth.password': entry('The password is not accepted as a new one.', 'Choose another, of 12 characters or more.', {
    http: 400,
  }),
  'approval.needed': entry(
    'A second administrator has to agree first; the request is kept until then.',
    'Ask another administrator to run `holdfast approvals approve` with its id.',
    { exit: exitStatus.incomplete, http: 202 },
  ),
  'approval.interrupted': entry(
    'The server ended while it did what had been approved: nobody knows how much of it was done.',
    'Look at what it was about, and ask for it again if it is not done.',
    { http: 500 },
  ),
  'approval.closed': entry(
    'The approval was decided already, withdrawn, or has expired.',
    'Make the request again if it is still wanted.',
    { http: 409 },
  ),
  'drill.failed': entry(
    'A restore drill found files that are not what was backed up.',
    'Keep the repository as it is, run `holdfast repo maintain NAME check --read-data`, and back the computer up again.',
  ),
  'drill.space': entry(
    'A restore drill has too little room.',
    'Make room where the data mover keeps drills (`drillFolder` in its configuration), or let drills restore less.',
    { retry: 'transient' },
  ),
  'drill.limit': entry(
    'A restore drill took longer than it may.',
    'Give drills more time, or let them restore a sample.',
  ),
  'receipt.changed': entry(
    'A receipt is not what the server signed.',
    'Take the receipts as the server exports them: somebody has changed this one.',
  ),
  'receipt.key': entry(
    'A receipt was signed with a key that is none of those given, or by another installation.',
    'Give the keys of the server that signed it (`holdfast status --json`). If they are: the receipt is forged.',
  ),
  'receipt.missing': entry(
    'Receipts are missing from a chain.',
    'Export the receipts without filters. If they were: compare with an earlier export.',
  ),
  'receipt.broken': entry(
    'A receipt does not follow the one before it.',
    'Keep the database as it is, and compare with an earlier export: somebody who had the database has changed it.',
  ),
  'audit.broken': entry(
    'The audit is not what was written: records were changed, removed or put in between.',
    'Keep the database as it is, and compare with an earlier export: somebody who had the database has changed it.',
  ),
  'vault.tampered': entry(
    "A sealed secret does not open with the server's vault key: it was changed, moved, or sealed under another key.",
    "Restore the server's data directory, database and `vault-key` together, from one backup.",
  ),
  'kit.words': entry(
    'What was typed are not the words of a recovery kit.',
    'Compare word by word with the printed document. Four letters of each word are enough.',
    { exit: exitStatus.usage, http: 400 },
  ),
  'kit.other': entry(
    'The recovery kit is not the one that this was sealed to.',
    'Look for the printed kit with the id that the message names.',
    { http: 409 },
  ),
  'kit.none': entry('There is no recovery kit yet.', 'Make one with `holdfast recovery-kit create`, and print it.', {
    http: 409,
  }),
  'zero-knowledge.server': entry(
    'Only the computer whose backups they are has the key of this repository: the server can’t have that done.',
    'Do it at that computer, or at another one with its recovery phrase: docs/zero-knowledge.md.',
    { http: 409 },
  ),
  'zero-knowledge.refused': entry(
    'This computer keeps the key of its backups for itself, and does not do that for its server.',
    'docs/zero-knowledge.md says what it does, and how its administrator allows more.',
    { http: 403 },
  ),
  'zero-knowledge.no-key': entry(
    'The repository is of the zero-knowledge mode, and the computer that is to open it has no key of its own.',
    'Run `holdfast zero-knowledge setup` at that computer; with --again where it, or one that it replaces, had a key before.',
    { http: 409 },
  ),
  'configuration.damaged': entry(
    'A configuration backup is damaged, not whole, or was not made by the server of this kit.',
    'Take another one: the older ones lie beside it.',
  ),
  'grant.invalid': entry(
    'The grant is not valid here: wrong signature, repository, computer or form.',
    'Start the run again from the server.',
    {
      http: 403,
    },
  ),
  'grant.expired': entry(
    'The grant has expired.',
    'Start the run again from the server; check the clocks of both computers.',
    {
      http: 403,
    },
  ),
  'grant.session': entry(
    'The mover does not know the session of this grant: it is over, or the mover has been restarted since.',
    'A run that still goes on needs nothing: the server opens its session again. Else start the run again.',
    {
      retry: 'transient',
      http: 503,
    },
  ),
  'grant.mode': entry('The grant does not allow this operation.', 'Ask for a grant with the right mode.', {
    http: 403,
  }),
  'version.unsupported': entry(
    'The other end speaks a protocol version that this one does not.',
    'Update the older of the two.',
    {
      http: 400,
    },
  ),
  'request.invalid': entry('The request does not have the form that the API documents.', 'See /api/openapi.json.', {
    http: 400,
  }),
  'request.size': entry(
    'The body of a request is larger than it may be.',
    'Send less at once; the message says how much.',
    {
      http: 413,
    },
  ),
  'request.slow': entry('The body of a request did not arrive in time.', 'Check the line, and try again.', {
    retry: 'transient',
    http: 408,
  }),
  'request.missing': entry('There is no such thing.', 'Check the name or id.', { http: 404 }),
  'request.conflict': entry('The request contradicts the present state.', 'Look at the state and decide again.', {
    http: 409,
  }),
  'request.changed': entry(
    'What was to be changed is no longer what the caller saw (If-Match).',
    'Read it again, and decide again.',
    { http: 412 },
  ),

  // Notifications
  'notify.refused': entry(
    'The other end refused a notification for good.',
    'The message says what it answered: mend that, then `holdfast notify retry`.',
    { http: 502 },
  ),
  'notify.deferred': entry(
    'The other end could not take a notification now.',
    'It is tried again by itself; `holdfast notify list` shows when.',
    { retry: 'transient', http: 503 },
  ),
  'notify.sign-in': entry(
    'A mail server or service did not accept the name and password, key or token of notifications.',
    'Correct them in the configuration; until then it is tried again by itself.',
    { retry: 'unknown', http: 502 },
  ),
  'notify.protection': entry(
    'A mail server does not offer the encryption that the configuration requires.',
    'Use the port and name on which the server offers STARTTLS, or set `encryption` to what it can do.',
    { retry: 'unknown', http: 502 },
  ),

  // Storage
  'storage.missing': entry('The object is not there.', 'Run `holdfast check`.', { http: 404 }),
  'storage.exists': entry(
    'The object exists already with other content.',
    'Nothing was overwritten. Find out who wrote it.',
    {
      http: 403,
    },
  ),
  'storage.range': entry(
    'The object ends before the bytes that were asked for.',
    'It was cut short, or the index does not belong to it. Run `holdfast check --read-data`.',
    { http: 416 },
  ),
  'storage.size': entry(
    'The object is larger than its type allows.',
    'Nothing was stored. Holdfast and restic stay far below the limits; look for the program that sent it.',
    // 403, because restic would repeat a 413 for a quarter of an hour.
    { http: 403 },
  ),
  'storage.full': entry(
    'The storage is full.',
    'Free some space or raise the quota; nothing half-written is left that looks whole.',
    {
      http: 507,
    },
  ),
  'storage.tampered': entry(
    'An object is not what its name says: it was damaged or changed.',
    'Do not delete anything. Run `holdfast check --read-data` and keep a copy of the repository.',
    {
      http: 500,
    },
  ),
  'storage.immutable': entry('The object may not be deleted yet.', 'Wait for the date that the message gives.', {
    http: 403,
  }),
  'storage.permission': entry(
    'The storage refused access.',
    'Check owner and mode of the folder, or the credentials.',
    { http: 403 },
  ),
  'storage.unavailable': entry(
    'The storage does not answer.',
    'Check the storage and the network; the run can be started again.',
    {
      retry: 'transient',
      http: 503,
    },
  ),
  'storage.unsupported': entry('This kind of storage cannot do that.', 'Use a target with that capability.', {
    http: 400,
  }),

  // Repositories
  'repository.missing': entry(
    'There is no repository at that place.',
    'Check the address, or make one with `holdfast repo init`.',
    {
      exit: exitStatus.repositoryMissing,
      http: 404,
    },
  ),
  'repository.exists': entry('There is a repository at that place already.', 'Use it, or choose another place.', {
    http: 409,
  }),
  'repository.password': entry('The password is wrong, or no key of the repository fits.', 'Check the password file.', {
    exit: exitStatus.wrongPassword,
    http: 403,
  }),
  'repository.locked': entry('The repository is locked by somebody else.', 'Wait until the other work ends.', {
    retry: 'transient',
    exit: exitStatus.repositoryLocked,
    http: 503,
  }),
  'repository.version': entry(
    'The repository has a format version that is not supported.',
    'Format version 2 is supported; `holdfast migrate upgrade_repo_v2` upgrades version 1.',
    {},
  ),
  'repository.damaged': entry(
    'The repository is damaged.',
    'Do not delete anything. Run `holdfast check --read-data`, and keep a copy before repairing.',
    {},
  ),
  'snapshot.missing': entry('There is no such snapshot.', 'Run `holdfast snapshots`.', { http: 404 }),

  // Files
  'file.unreadable': entry(
    'A file or folder could not be read.',
    'Check its permissions; everything else was backed up.',
    {
      exit: exitStatus.incomplete,
    },
  ),
  'file.changed': entry(
    'A file changed while it was being read.',
    'What was read is stored; use a snapshot of the volume for a consistent copy.',
    {
      exit: exitStatus.incomplete,
    },
  ),
  'file.vanished': entry('A file vanished before it could be read.', 'Nothing to do if it was temporary.', {
    exit: exitStatus.success,
  }),
  'file.unstorable': entry(
    'Something about a file cannot be stored in the repository format.',
    'The message names what was left out.',
    {
      exit: exitStatus.incomplete,
    },
  ),
  'job.window': entry(
    'The backup window of a job closed before its run had ended.',
    'Give it a longer window, or split the job; the next run goes on from what was stored.',
  ),
  'backup.nothing': entry(
    'Nothing of what was to be backed up could be read, so there is no snapshot.',
    'Check that the paths are right and may be read.',
  ),
  'backup.command': entry(
    'The command whose output was to be backed up could not be run, or failed.',
    'Run it by itself to see why. No snapshot was made.',
  ),
  'backup.script': entry(
    'A script before or after a backup could not be run, failed, or took too long.',
    'Run it by itself to see why; --script-timeout gives it more time.',
  ),
  'script.refused': entry(
    'A script that a job names is not allowed on the computer, is not there, or could be changed by others than its administrator.',
    'Scripts run only from the folder that `scripts` in agent.yaml names, and only what root alone can change.',
  ),
  'backup.volume': entry(
    'A consistent snapshot of a file system could not be made or removed.',
    'The message says what the tool answered. Without --snapshot-provider the files are read as they are.',
  ),
  'restore.item': entry(
    'A file or one of its attributes could not be restored.',
    'Run as root to restore owners and devices; check the space and the file system of the target.',
    {
      exit: exitStatus.incomplete,
    },
  ),
  'restore.target': entry('The restore target cannot be used.', 'Choose an empty folder, or allow overwriting.', {
    exit: exitStatus.usage,
  }),
  'mount.refused': entry(
    'The repository could not be mounted there, or not be unmounted.',
    'The mount point must be an empty folder of your own. `allow_other` needs the line user_allow_other in /etc/fuse.conf.',
  ),
  'native.unavailable': entry(
    'A function of the operating system is not available here.',
    'The message names what is lost without it.',
    {},
  ),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorTable;
