import assert from 'node:assert/strict';
import { win32 } from 'node:path';
import { test } from 'node:test';
import { HoldfastError, hasCode } from '@holdfast/core';
import { Holding } from './hold-volumes.ts';
import { ownName } from './owner-name.ts';
import { runPowerShell } from './powershell.ts';
import type { Tools } from './snapshot-provider.ts';
import { vss, windowsMounts } from './vss.ts';

/**
 * There is no Windows with volume shadow copies where these tests run: what is proven is what PowerShell is asked, with which
 * values, in which order, and what is made of answers of the documented form. That Windows answers so is not.
 */

interface Call {
  readonly script: string;
  readonly variables: Readonly<Record<string, string>>;
}

type Answer = { readonly result: unknown } | { readonly error: string } | string;

const system = 'C:\\';
const systemVolume = '\\\\?\\Volume{6a2f0cbc-0000-0000-0000-100000000000}\\';
const dataVolume = '\\\\?\\Volume{6a2f0cbc-0000-0000-0000-200000000000}\\';
const shadow = '\\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy12';
const mounts = [
  { mountPoint: system, root: '/', type: 'NTFS', source: systemVolume },
  { mountPoint: 'C:\\data\\', root: '/', type: 'ReFS', source: dataVolume },
  { mountPoint: 'E:\\', root: '/', type: 'FAT32', source: '\\\\?\\Volume{0}\\' },
];

function isSeveral(answer: Answer | readonly Answer[] | undefined): answer is readonly Answer[] {
  return Array.isArray(answer);
}

/** A Windows that answers by what a script contains; keeps every call. */
function windows(answers: Readonly<Record<string, Answer | readonly Answer[]>>): { tools: Tools; calls: Call[] } {
  const calls: Call[] = [];
  const asked = new Map<string, number>();
  const run: Tools['run'] = async (program, args, _signal, variables = {}) => {
    assert.match(program, /\\System32\\WindowsPowerShell\\v1\.0\\powershell\.exe$/);
    assert.deepEqual(args.slice(0, 4), ['-NoLogo', '-NoProfile', '-NonInteractive', '-EncodedCommand']);
    const script = Buffer.from(args[4] ?? '', 'base64').toString('utf16le');
    calls.push({ script, variables });
    const key = Object.keys(answers).find((part) => script.includes(part));
    assert.ok(key, `nobody expected ${script}`);
    const given = answers[key];
    const count = asked.get(key) ?? 0;
    asked.set(key, count + 1);
    const answer = isSeveral(given) ? given[count] : given;
    return typeof answer === 'string' ? answer : `${Buffer.from(JSON.stringify(answer)).toString('base64')}\r\n`;
  };
  return { tools: { run }, calls };
}

/** What each call was about. */
function kinds(calls: readonly Call[]): string[] {
  const parts = ['MethodName Create', 'GetValueNames', 'Remove-CimInstance', 'Win32_MountPoint'];
  return calls.map(({ script }) => parts.find((part) => script.includes(part)) ?? '?');
}

const made = { result: { status: 0, device: shadow } };
const removed = { result: { unknown: [] } };

test('a shadow copy is made, recorded, read by its device and removed; values are never part of a script', async () => {
  const { tools, calls } = windows({ 'MethodName Create': made, 'Remove-CimInstance': removed });
  const mount = { mountPoint: "D:\\it's $(here)\\", root: '/', type: 'NTFS', source: "\\\\?\\Volume{'; exit}\\" };
  assert.equal(await vss.unfit(mount, tools), undefined);
  assert.match((await vss.unfit({ ...mount, type: 'FAT32' }, tools)) ?? '', /neither NTFS nor ReFS/);
  const snapshot = await vss.create(mount, tools);
  assert.equal(snapshot.readFrom, `${shadow}\\`);
  assert.deepEqual(snapshot.leftOut, []);
  await snapshot.remove();
  assert.deepEqual(kinds(calls), ['MethodName Create', 'Remove-CimInstance']);
  const owner = calls[0]?.variables['HOLDFAST_OWNER'] ?? '';
  assert.match(owner, /^holdfast-\d+-\d+-\d+$/);
  assert.deepEqual(calls[0]?.variables, { HOLDFAST_VOLUME: mount.source, HOLDFAST_OWNER: owner });
  assert.deepEqual(calls[1]?.variables, { HOLDFAST_OWNER: owner });
  for (const { script } of calls) assert.doesNotMatch(script, /exit|it's|holdfast-\d/);
});

test('what Windows refuses is said in words that do not depend on its language', async () => {
  for (const [answer, message] of [
    [{ result: { status: 1 } }, /no shadow copy of C:\\.*administrator/],
    [{ result: { status: 9 } }, /another program makes a shadow copy/],
    [{ result: { status: 13 } }, /error 13/],
    [{ error: 'Zugriff verweigert – bitte prüfen\r\n' }, /Windows refused: Zugriff verweigert – bitte prüfen$/],
    [{ result: null }, /another form/],
    ['', /another form/],
    ['Windows PowerShell\r\nCopyright', /another form/],
  ] as const) {
    const { tools, calls } = windows({ 'MethodName Create': answer });
    await assert.rejects(vss.create({ mountPoint: system, root: '/', type: 'NTFS', source: systemVolume }, tools), {
      code: 'backup.volume',
      message,
    });
    assert.equal(calls.length, 1, 'nothing was made, so nothing is removed');
  }
});

test('a copy whose device is of no known form, or that nobody waits for any more, is removed again', async () => {
  for (const device of ['\\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy1\\..\\..', '', undefined]) {
    const { tools, calls } = windows({
      'MethodName Create': { result: { status: 0, device } },
      'Remove-CimInstance': removed,
    });
    const mount = { mountPoint: system, root: '/', type: 'NTFS', source: systemVolume };
    await assert.rejects(vss.create(mount, tools), /another form/);
    assert.deepEqual(kinds(calls), ['MethodName Create', 'Remove-CimInstance']);
  }
  const { tools, calls } = windows({ 'MethodName Create': made, 'Remove-CimInstance': removed });
  const stop = new AbortController();
  const reason = new HoldfastError('run.cancelled', { message: 'Ctrl-C' });
  const run: Tools['run'] = async (program, args, signal, variables) => {
    assert.equal(signal, undefined, 'the script that makes a copy is not killed');
    stop.abort(reason);
    return tools.run(program, args, signal, variables);
  };
  const mount = { mountPoint: system, root: '/', type: 'NTFS', source: systemVolume };
  await assert.rejects(vss.create(mount, { run, signal: stop.signal }), (error) => error === reason);
  assert.deepEqual(kinds(calls), ['MethodName Create', 'Remove-CimInstance']);
});

test('leftovers are those of processes that are gone; others stay', async () => {
  const gone = 'holdfast-999999999-1-1';
  const owners = [gone, ownName(), 'something else', ''];
  const { tools, calls } = windows({ GetValueNames: { result: { owners } }, 'Remove-CimInstance': removed });
  const mount = { mountPoint: system, root: '/', type: 'NTFS', source: systemVolume };
  assert.equal(await vss.removeLeftovers(mount, tools), 1);
  assert.deepEqual(
    calls.slice(1).map(({ variables }) => variables),
    [{ HOLDFAST_OWNER: gone }],
  );
  for (const wrong of [{}, { owners: 'one' }, { owners: [1] }])
    await assert.rejects(vss.removeLeftovers(mount, windows({ GetValueNames: { result: wrong } }).tools), /form/);
});

test('a copy that was being made when its backup was killed is told of, and left: it may be somebody else’s', async () => {
  const owners = ['holdfast-999999999-1-1', 'holdfast-999999999-1-2', 'holdfast-999999999-1-3'];
  const { tools, calls } = windows({
    GetValueNames: { result: { owners } },
    'Remove-CimInstance': [{ result: { unknown: ['{A}', '{B}'] } }, removed, { result: { unknown: [] } }],
  });
  const mount = { mountPoint: system, root: '/', type: 'NTFS', source: systemVolume };
  await assert.rejects(vss.removeLeftovers(mount, tools), { code: 'backup.volume', message: /\{A\}, \{B\}.*vssadmin/ });
  assert.deepEqual(
    calls.slice(1).map(({ variables }) => variables['HOLDFAST_OWNER']),
    owners,
  );
  const creation = windows({ 'MethodName Create': made });
  await vss.create(mount, creation.tools);
  const { script = '' } = creation.calls[0] ?? {};
  assert.ok(script.indexOf('New-ItemProperty') < script.indexOf('MethodName Create'), 'recorded before it is made');
  await assert.rejects(
    vss.removeLeftovers(mount, windows({ GetValueNames: { result: { owners } }, 'Remove-CimInstance': made }).tools),
    /another form/,
  );
});

test('volumes are listed by the folders they are mounted on; who is no administrator is told so', async () => {
  const listed = mounts.map(({ mountPoint, source, type }) => ({ path: mountPoint, device: source, type }));
  const answer = (elevated: unknown, list: unknown) =>
    windowsMounts(windows({ Win32_MountPoint: { result: { elevated, mounts: list } } }).tools);
  assert.deepEqual(await answer(true, listed), mounts);
  assert.deepEqual(await answer(true, []), []);
  await assert.rejects(
    answer(false, listed),
    (error) => hasCode(error, 'backup.volume') && /administrator/.test(String(error)),
  );
  for (const wrong of [null, {}, [{}], [{ path: '', device: 'x', type: 'NTFS' }], [{ path: system, device: 'x' }]])
    await assert.rejects(answer(true, wrong), /another form/);
});

test('sources on Windows: drives and folders that are volumes, whatever their capitals', async () => {
  const second = shadow.replace('12', '13');
  const { tools, calls } = windows({
    GetValueNames: { result: { owners: [] } },
    'MethodName Create': [made, { result: { status: 0, device: second } }],
    'Remove-CimInstance': removed,
  });
  const notes: string[] = [];
  const holding = new Holding({
    options: {
      sources: [],
      provider: 'auto',
      oneFileSystem: false,
      busyPaths: [],
      onNote: (note) => notes.push(note),
    },
    mounts,
    providers: [vss],
    tools,
    foreign: { paths: win32, locate: async (path) => ({ folder: path, whole: true, real: path }) },
  });
  for (const source of ['c:\\Users\\Ann', 'C:\\', 'E:\\photos', '\\\\server\\share\\x'])
    await holding.holdSource(source);
  assert.deepEqual(
    holding.places.map(({ path, readFrom }) => [String(path), String(readFrom)]),
    [
      ['c:\\Users\\Ann', `${shadow}\\Users\\Ann`],
      ['C:\\', `${shadow}\\`],
      ['C:\\data', `${second}\\`],
    ],
  );
  assert.deepEqual(notes, ['E:\\ (FAT32) is read as it is: vss: it is neither NTFS nor ReFS.']);
  await holding.release();
  assert.equal(kinds(calls).filter((kind) => kind === 'Remove-CimInstance').length, 2);
});

test('a script that answers with no field of ours is refused', async () => {
  await assert.rejects(runPowerShell('script', {}, windows({ script: JSON.stringify('text') }).tools), /another form/);
});
