import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AuditRecord, AuditVerifier, auditHash, firstAuditHash } from './audit-chain.ts';

function chain(length: number): AuditRecord[] {
  const records: AuditRecord[] = [];
  for (let number = 1; number <= length; number += 1) {
    const previousHash = records.at(-1)?.hash ?? firstAuditHash;
    const record = {
      ...{ number, at: '2026-11-21T10:00:00.000Z', actor: 'user/alice', action: 'deleteJob', subject: `s${number}` },
      ...{ outcome: 'done' as const, remoteAddress: '::1', requestId: 'r', details: { b: 1, a: ['ä', null] } },
    };
    records.push({ ...record, previousHash, hash: auditHash('local', previousHash, record) });
  }
  return records;
}

function verify(records: readonly AuditRecord[], tenant = 'local'): AuditVerifier {
  const verifier = new AuditVerifier(tenant);
  for (const record of records) verifier.add(record);
  return verifier;
}

test('the hash is that of the documented form, computed here by hand', async () => {
  const { createHash } = await import('node:crypto');
  const [first] = chain(1);
  const json =
    '{"action":"deleteJob","actor":"user/alice","at":"2026-11-21T10:00:00.000Z","details":{"a":["ä",null],"b":1},"number":1,' +
    '"outcome":"done","remoteAddress":"::1","requestId":"r","subject":"s1","tenant":"local"}';
  assert.equal(first?.hash, createHash('sha256').update(`${firstAuditHash}\n${json}`).digest('hex'));
});

test('a chain is sound from its beginning and from the middle, and every tampering is found', () => {
  const records = chain(5);
  assert.deepEqual(verify(records).head, { number: 5, hash: records[4]?.hash });
  assert.equal(verify(records.slice(2)).count, 3);
  const code = { code: 'audit.broken' };
  for (const field of [
    'at',
    'actor',
    'action',
    'subject',
    'remoteAddress',
    'requestId',
    'hash',
    'previousHash',
  ] as const)
    assert.throws(
      () => verify(records.map((one) => (one.number === 3 ? { ...one, [field]: firstAuditHash } : one))),
      code,
    );
  assert.throws(() => verify(records.map((one) => (one.number === 3 ? { ...one, details: {} } : one))), code);
  assert.throws(() => verify(records.map((one) => (one.number === 3 ? { ...one, outcome: 'refused' } : one))), code);
  assert.throws(() => verify(records.filter(({ number }) => number !== 3)), code);
  assert.throws(() => verify([records[0], records[2], records[1]].flatMap((one) => one ?? [])), code);
  assert.throws(() => verify(records, 'another'), code);
});

test('one who rewrites a record has to rewrite all that follow', () => {
  const records = chain(3);
  const second = records[1];
  assert.ok(second);
  const forged = { ...second, actor: 'user/mallory' };
  const resealed = { ...forged, hash: auditHash('local', forged.previousHash, forged) };
  assert.throws(() => verify([records[0], resealed, records[2]].flatMap((one) => one ?? [])), { code: 'audit.broken' });
  const { previousHash: _, ...first } = { ...second, number: 1 };
  const cut = { ...first, previousHash: second.previousHash };
  assert.throws(() => verify([{ ...cut, hash: auditHash('local', cut.previousHash, cut) }]), { code: 'audit.broken' });
});
