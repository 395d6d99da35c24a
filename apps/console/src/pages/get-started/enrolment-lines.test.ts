import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinLine, serverAddress, startLine } from './enrolment-lines.ts';

const tokens = [
  { role: 'mover', token: 'hfj_a' },
  { role: 'agent', token: 'hfj_b' },
] as const;
const joining = { server: 'backup.example.org', caFingerprint: 'sha256:ab', tokens };

test('the line joins each role with its token over standard input', () => {
  assert.equal(
    joinLine('linux', joining),
    'printf %s hfj_a | sudo holdfast enroll --role mover --server backup.example.org --ca-fingerprint sha256:ab --token-file - && ' +
      'printf %s hfj_b | sudo holdfast enroll --role agent --server backup.example.org --ca-fingerprint sha256:ab --token-file -',
  );
  assert.match(joinLine('windows', joining), /^'hfj_a' \| holdfast enroll .*; 'hfj_b' \| holdfast enroll [^']*$/);
  assert.equal(startLine('linux', joining), "sudo sh -c 'holdfast mover & holdfast agent'");
});

test('computers find the server by a name that is not the browser’s own, and by another port than the contract’s', () => {
  const names = ['127.0.0.1', 'backup.example.org'];
  const everywhere = [{ channel: 'posix-agent-control', address: '0.0.0.0', port: 10_006 }];
  const of = (browserHost: string, listening = everywhere) =>
    serverAddress({ browserHost, names, listening, system: 'linux' });
  assert.equal(of('console.example.org'), 'console.example.org');
  assert.equal(of('localhost'), 'backup.example.org');
  assert.equal(
    of('127.0.0.1', [{ channel: 'posix-agent-control', address: '127.0.0.1', port: 4711 }]),
    '127.0.0.1:4711',
  );
  assert.equal(of('2001:db8::1'), '[2001:db8::1]');
});
