import { execFile } from 'node:child_process';
import { HoldfastError } from '@holdfast/core';

/** The one program here that says who may write to a file; it takes a second or two to start. */
const answerLimitMs = 60_000;
const maxAnswerBytes = 1024 * 1024;

/** Administrators, SYSTEM and TrustedInstaller, as SDDL has them. */
const administrators = new Set([
  ...['BA', 'SY', 'S-1-5-32-544', 'S-1-5-18'],
  'S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464',
]);

/**
 * Bits of an access mask (winnt.h) by the letters of SDDL ([MS-DTYP] 2.5.1.1).
 * The eight letters of directory services are the lowest bits: creating and deleting children, listing and so on.
 */
const rightsByLetters: ReadonlyMap<string, number> = new Map([
  ['CC', 0x1],
  ['DC', 0x2],
  ['LC', 0x4],
  ['SW', 0x8],
  ['RP', 0x10],
  ['WP', 0x20],
  ['DT', 0x40],
  ['LO', 0x80],
  ['CR', 0x100],
  ['SD', 0x1_0000],
  ['RC', 0x2_0000],
  ['WD', 0x4_0000],
  ['WO', 0x8_0000],
  ['GA', 0x1000_0000],
  ['GX', 0x2000_0000],
  ['GW', 0x4000_0000],
  ['GR', 0x8000_0000],
  ['FA', 0x1f_01ff],
  ['FR', 0x12_0089],
  ['FW', 0x12_0116],
  ['FX', 0x12_00a0],
]);

/** DELETE, WRITE_DAC, WRITE_OWNER, FILE_DELETE_CHILD, GENERIC_ALL: enough to put something else in the place of what is there. */
const replacing = 0x1_0000 + 0x4_0000 + 0x8_0000 + 0x40 + 0x1000_0000;
/** And FILE_WRITE_DATA, FILE_APPEND_DATA, FILE_WRITE_EA, FILE_WRITE_ATTRIBUTES, GENERIC_WRITE. */
const changing = replacing + 0x2 + 0x4 + 0x10 + 0x100 + 0x4000_0000;

/**
 * What is wrong with the owner and the access control list, if anything. Only what the system itself answers is believed: without
 * PowerShell there are no scripts. Untested on a real Windows: the parsing is tested, the question is not.
 */
export async function weaknessOnWindows(
  path: string,
  part: 'script' | 'folder' | 'parent',
): Promise<string | undefined> {
  const sddl = await new Promise<string>((resolve, reject) => {
    execFile(
      'powershell.exe',
      ['-NoProfile', '-NonInteractive', '-Command', '(Get-Acl -LiteralPath $env:HOLDFAST_ACL_PATH).Sddl'],
      {
        env: { ...process.env, HOLDFAST_ACL_PATH: path },
        timeout: answerLimitMs,
        maxBuffer: maxAnswerBytes,
        windowsHide: true,
      },
      (error, stdout) => {
        if (!error) return resolve(stdout.trim());
        reject(
          new HoldfastError('script.refused', {
            message: `Who may write to ${path} could not be found out: ${error.message}.`,
            cause: error,
          }),
        );
      },
    );
  });
  return weaknessOfSddl(sddl, part);
}

/**
 * A folder above may let others make things in it, as the roots of drives do, but not replace what is there.
 * What is not understood counts as a weakness.
 */
export function weaknessOfSddl(sddl: string, part: 'script' | 'folder' | 'parent'): string | undefined {
  const [, owner = '', list = ''] = /^O:(.+?)(?:G:.+?)?D:([^S]*(?:S(?!:)[^S]*)*)(?:S:.*)?$/.exec(sddl) ?? [];
  if (!administrators.has(owner)) return `belongs to ${owner || 'somebody unknown'} and not to Administrators`;
  const [, flags = '', entries = ''] = /^([A-Z_]*)((?:\(.*\))*)$/.exec(list) ?? [];
  if (entries === '' || flags.includes('NO_ACCESS_CONTROL')) return 'has no access control list';
  const forbidden = part === 'parent' ? replacing : changing;
  // Conditions hold parentheses of their own; an entry with one is split, and what comes of it is not understood.
  for (const entry of entries.slice(1, -1).split(')(')) {
    const [kind = '', inheritance = '', rights = '', , , who = ''] = entry.split(';');
    // Entries that deny only take away. Those for what will be made inside say nothing about this.
    if (kind === 'D' || inheritance.match(/../g)?.includes('IO')) continue;
    const mask = kind === 'A' ? maskOf(rights) : undefined;
    if (mask === undefined || who === '') return `has an entry that is not understood in its access control list`;
    if (!administrators.has(who) && overlaps(mask, forbidden)) return `may be written to by ${who}`;
  }
  return undefined;
}

function maskOf(rights: string): number | undefined {
  if (/^0x[0-9a-f]{1,8}$/i.test(rights)) return Number(rights);
  let mask = 0;
  for (const letters of rights.match(/.{1,2}/g) ?? []) {
    const bits = rightsByLetters.get(letters);
    if (bits === undefined) return undefined;
    mask = (mask | bits) >>> 0;
  }
  return mask;
}

function overlaps(mask: number, bits: number): boolean {
  return (mask & bits) !== 0;
}
