import { HoldfastError } from '@holdfast/core';
import type { Mount } from './mounts.ts';
import { isLeftover, ownName } from './owner-name.ts';
import { hasField, runPowerShell, unexpectedAnswer } from './powershell.ts';
import type { SnapshotProvider, Tools } from './snapshot-provider.ts';

/**
 * Volume shadow copies of Windows, through WMI's Win32_ShadowCopy. Of its contexts client Windows has only ClientAccessible,
 * which asks no writer: a file system is consistent in it, as after a power failure, a database only as far as it recovers
 * from that. Such a copy stays until somebody removes it, also over a restart, so each is kept in the registry, where only
 * administrators write: nobody else can name copies that we would remove. Before it has a name, the record says for which volume
 * one is being made, and since when: who dies meanwhile leaves a copy that is told of, because other programs make such ones, too.
 */
const recordsKey = "'HKLM:\\SOFTWARE\\Holdfast\\ShadowCopies'";

/** Long after anything that asked for a copy has stopped waiting for it. */
const makingMaxMs = 600_000;

const listVolumes = `$identity = [Security.Principal.WindowsIdentity]::GetCurrent()
$elevated = ([Security.Principal.WindowsPrincipal] $identity).IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
$types = @{}
foreach ($volume in Get-CimInstance -ClassName Win32_Volume) { $types[[string] $volume.DeviceID] = [string] $volume.FileSystem }
$mounts = @(foreach ($mount in Get-CimInstance -ClassName Win32_MountPoint) {
  $device = [string] $mount.Volume.DeviceID
  @{ path = [string] $mount.Directory.Name; device = $device; type = [string] $types[$device] }
})
@{ elevated = $elevated; mounts = $mounts }`;

const createShadow = `$key = ${recordsKey}
if (-not (Test-Path -LiteralPath $key)) { New-Item -Path $key -Force | Out-Null }
$making = 'making ' + [DateTime]::UtcNow.ToFileTimeUtc() + ' ' + $env:HOLDFAST_VOLUME
New-ItemProperty -LiteralPath $key -Name $env:HOLDFAST_OWNER -Value $making -PropertyType String | Out-Null
$made = Invoke-CimMethod -ClassName Win32_ShadowCopy -MethodName Create -Arguments @{ Volume = $env:HOLDFAST_VOLUME; Context = 'ClientAccessible' }
$status = [int] $made.ReturnValue
if ($status -eq 0) {
  Set-ItemProperty -LiteralPath $key -Name $env:HOLDFAST_OWNER -Value ([string] $made.ShadowID)
  $shadow = Get-CimInstance -ClassName Win32_ShadowCopy | Where-Object { $_.ID -eq $made.ShadowID }
  @{ status = $status; device = [string] $shadow.DeviceObject }
} else {
  Remove-ItemProperty -LiteralPath $key -Name $env:HOLDFAST_OWNER
  @{ status = $status }
}`;

const listRecords = `$key = ${recordsKey}
if (Test-Path -LiteralPath $key) { @{ owners = @((Get-Item -LiteralPath $key).GetValueNames()) } } else { @{ owners = @() } }`;

const removeShadow = `$key = Get-Item -LiteralPath ${recordsKey}
$record = [string] $key.GetValue($env:HOLDFAST_OWNER)
$unknown = @()
if ($record -match '^making ([0-9]+) (.+)$') {
  $from = [long] $Matches[1]
  $volume = $Matches[2]
  $unknown = @(foreach ($shadow in Get-CimInstance -ClassName Win32_ShadowCopy) {
    $since = $shadow.InstallDate.ToFileTimeUtc() - $from
    if ($shadow.VolumeName -eq $volume -and $since -ge 0 -and $since -le ${makingMaxMs} * 10000) { [string] $shadow.ID }
  })
} elseif ($record) { Get-CimInstance -ClassName Win32_ShadowCopy | Where-Object { $_.ID -eq $record } | Remove-CimInstance }
Remove-ItemProperty -LiteralPath ${recordsKey} -Name $env:HOLDFAST_OWNER
@{ unknown = $unknown }`;

/** What Win32_ShadowCopy.Create returns; the numbers are the same in every language of Windows. */
const failures: ReadonlyMap<unknown, string> = new Map([
  [1, 'access is denied; it needs an administrator'],
  [2, 'an argument is invalid'],
  [3, 'there is no such volume'],
  [4, 'the volume does not support shadow copies'],
  [5, 'the context is not supported'],
  [6, 'there is not enough room for what changes meanwhile (vssadmin resize shadowstorage)'],
  [7, 'the volume is in use'],
  [8, 'the volume has as many shadow copies as it can have'],
  [9, 'another program makes a shadow copy just now; try again in a minute'],
  [10, 'the shadow copy provider refused'],
  [11, 'the shadow copy provider is not registered'],
  [12, 'the shadow copy provider failed'],
]);

const supportedTypes: ReadonlySet<string> = new Set(['NTFS', 'ReFS']);
const shadowDevice = /^\\\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy\d+$/;

export const vss: SnapshotProvider = {
  name: 'vss',
  automatic: true,
  unfit: async ({ type }) => (supportedTypes.has(type) ? undefined : 'it is neither NTFS nor ReFS'),
  removeLeftovers: async (_mount, tools) => {
    const listed = await runPowerShell(listRecords, {}, tools);
    if (!hasField(listed, 'owners') || !isTexts(listed.owners)) throw unexpectedAnswer(JSON.stringify(listed));
    const leftovers = listed.owners.filter(isLeftover);
    const unknown: string[] = [];
    for (const owner of leftovers) unknown.push(...(await remove(owner, tools)));
    if (unknown.length > 0)
      throw new HoldfastError('backup.volume', {
        message: `Windows made ${unknown.join(', ')} for a backup that was killed meanwhile, or for another program at that time; \`vssadmin delete shadows /shadow=ID\` removes one.`,
      });
    return leftovers.length;
  },
  create: async ({ mountPoint, source }, { run, signal }) => {
    const owner = ownName();
    signal?.throwIfAborted();
    // Not stopped by the signal: the service would go on with it, and nobody would know of the copy.
    const made = await runPowerShell(createShadow, { HOLDFAST_VOLUME: source, HOLDFAST_OWNER: owner }, { run });
    if (!hasField(made, 'status')) throw unexpectedAnswer(JSON.stringify(made));
    if (made.status !== 0)
      throw new HoldfastError('backup.volume', {
        message: `Windows made no shadow copy of ${mountPoint}: ${failures.get(made.status) ?? `error ${String(made.status)}`}.`,
      });
    const device = hasField(made, 'device') ? made.device : undefined;
    if (signal?.aborted || typeof device !== 'string' || !shadowDevice.test(device)) {
      await remove(owner, { run });
      signal?.throwIfAborted();
      throw unexpectedAnswer(JSON.stringify(made));
    }
    // The backslash makes it the root folder; without it, it is the device.
    return { readFrom: `${device}\\`, leftOut: [], remove: async () => void (await remove(owner, { run })) };
  },
};

/** Also when the copy is gone: Windows removes the oldest ones when it needs room. Gives the ids of those that may be it. */
async function remove(owner: string, { run }: Pick<Tools, 'run'>): Promise<string[]> {
  const removed = await runPowerShell(removeShadow, { HOLDFAST_OWNER: owner }, { run });
  if (!hasField(removed, 'unknown') || !isTexts(removed.unknown)) throw unexpectedAnswer(JSON.stringify(removed));
  return removed.unknown;
}

/** Volumes by the folders they are mounted on: drives too. @throws backup.volume without the right to make shadow copies */
export async function windowsMounts(tools: Tools): Promise<Mount[]> {
  const listed = await runPowerShell(listVolumes, {}, tools);
  if (!hasField(listed, 'mounts') || !Array.isArray(listed.mounts) || !hasField(listed, 'elevated'))
    throw unexpectedAnswer(JSON.stringify(listed));
  if (listed.elevated !== true)
    throw new HoldfastError('backup.volume', {
      message: 'Shadow copies are made by administrators only, and this command does not run as one.',
      guidance: 'Start it as administrator, or leave out --snapshot-provider.',
    });
  return listed.mounts.map((mount: unknown) => {
    const path = hasField(mount, 'path') ? mount.path : undefined;
    const device = hasField(mount, 'device') ? mount.device : undefined;
    const type = hasField(mount, 'type') ? mount.type : undefined;
    if (typeof path !== 'string' || typeof device !== 'string' || typeof type !== 'string' || path === '')
      throw unexpectedAnswer(JSON.stringify(mount));
    return { mountPoint: path, root: '/', type, source: device };
  });
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
