/**
 * Options with a value that restic takes before the name of the command: what follows them is not that name. No command has
 * `--option`, but it is what has to be refused then, not its value as an unknown command.
 */
const withValue = [
  ...['-r', '--repo', '--repository-file', '-p', '--password-file', '--password-command', '--key-hint'],
  ...['--cacert', '--tls-client-cert', '--retry-lock', '--data', '--compression', '--limit-upload', '--limit-download'],
  ...['--pack-size', '--cache-dir', '--http-user-agent', '--stuck-request-timeout', '-o', '--option'],
];

/**
 * A command line as commander wants it, of one as restic takes it: `-r repo key list` becomes `key list -r repo`, and
 * `--verbose=2` becomes two of them. What stands behind `--` is nobody's option.
 */
export function inOrder(args: readonly string[]): string[] {
  const dashes = args.indexOf('--');
  const [ours, others] = dashes < 0 ? [args, []] : [args.slice(0, dashes), args.slice(dashes)];
  let name = 0;
  for (let arg = ours[0]; arg?.startsWith('-'); arg = ours[name]) name += withValue.includes(arg) ? 2 : 1;
  // Without a command they are the program's own, such as --help.
  const ordered = name < ours.length ? [...ours.slice(name), ...ours.slice(0, name)] : ours;
  return [...ordered.flatMap(verbosity), ...others];
}

function verbosity(arg: string): string[] {
  const count = /^--verbose=([0-9])$/.exec(arg)?.[1];
  return count === undefined ? [arg] : Array.from({ length: Number(count) }, () => '--verbose');
}
