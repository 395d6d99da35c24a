import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pseudonyms } from './pseudonyms.ts';

function known(): Pseudonyms {
  const pseudonyms = new Pseudonyms(Buffer.alloc(32, 7));
  pseudonyms.know('computer', ['payroll-07', 'mover']);
  pseudonyms.know('name', ['Files of the board', 'backup']);
  return pseudonyms;
}

test('a name has the same pseudonym wherever it stands, and others with another key', () => {
  const pseudonyms = known();
  const value = pseudonyms.value({
    hostname: 'Payroll-07',
    address: '10.20.30.40',
    message:
      'payroll-07.corp.example at 10.20.30.40:6162 and 2001:db8::7 did not answer; ask eve@corp.example about Files of the board',
    metrics: 'holdfast_jobs{name="payroll-07"} 1',
  }) as Record<string, string>;
  const computer = pseudonyms.of('computer', 'payroll-07');
  assert.match(computer, /^computer-[0-9a-f]{10}$/);
  assert.equal(value['hostname'], computer);
  assert.ok(value['metrics']?.includes(`"${computer}"`));
  assert.ok(value['message']?.includes(` at ${value['address']}:6162 and address-`));
  for (const name of ['payroll', '10.20.30.40', '2001:db8', 'corp', 'eve', 'board'])
    assert.doesNotMatch(JSON.stringify(value), new RegExp(name, 'i'));
  assert.notEqual(new Pseudonyms(Buffer.alloc(32, 8)).of('computer', 'payroll-07'), computer);
});

test('words, ids and times of ours stay, also when somebody has called a thing so', () => {
  const ours = {
    kind: 'backup',
    role: 'mover',
    runId: '6f1c2a34-0000-4000-8000-1234567890ab',
    queuedAt: '2026-01-01T00:00:00.000Z',
    path: '/api/v1/jobs/6f1c2a34-0000-4000-8000-1234567890ab',
    bind: '127.0.0.1',
    code: 'channel.timeout',
    count: 7,
  };
  assert.deepEqual(known().value(ours), ours);
});

test('of paths only the folders that everybody has are told; of a text that has one, nothing that follows it', () => {
  const pseudonyms = known();
  const message = pseudonyms.text('could not read /home/eve/My Secret Plans/takeover.odt: EACCES, permission denied');
  assert.match(message, /^could not read \/home\/p-[0-9a-f]{10}\/p-[0-9a-f]{10} \[… EACCES\]$/);
  assert.match(pseudonyms.of('path', '/srv/repositories/eve'), /^\/srv\/repositories\/p-[0-9a-f]{10}$/);
  assert.match(
    pseudonyms.text(String.raw`cannot open C:\Users\Eve Smith\x`),
    /^cannot open C:\\Users\\p-[0-9a-f]{10} \[…\]$/,
  );
  assert.deepEqual(
    (pseudonyms.value({ sources: ['/etc/eve'], excludes: ['*.plans'] }) as { excludes: string[] }).excludes.map((one) =>
      one.replace(/[0-9a-f]{10}/, ''),
    ),
    ['p-'],
  );
  assert.match(
    pseudonyms.text('there is no folder "takeover plans" in it'),
    /^there is no folder "text-[0-9a-f]{10}" in it$/,
  );
});
