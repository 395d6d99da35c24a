/** A setting from the environment: ours first, then restic's of the same name, so that its scripts go on working. */
export function setting(name: string): string | undefined {
  return process.env[`HOLDFAST_${name}`] || process.env[`RESTIC_${name}`] || undefined;
}
