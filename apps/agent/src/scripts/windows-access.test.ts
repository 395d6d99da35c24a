import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { weaknessOfSddl } from './windows-access.ts';

const safe = 'O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)';
/** As Windows sets up the root of a drive: everybody who is signed in may make folders in it. */
const drive =
  'O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464G:SYD:PAI(A;;LC;;;AU)(A;OICIIO;SDGXGWGR;;;AU)(A;;FA;;;SY)(A;OICIIO;GA;;;SY)(A;OICIIO;GA;;;BA)(A;;FA;;;BA)(A;OICI;0x1200a9;;;BU)';

test('an access control list that lets only administrators write is safe; a folder above may let others add to it', () => {
  for (const part of ['script', 'folder', 'parent'] as const) assert.equal(weaknessOfSddl(safe, part), undefined);
  assert.equal(weaknessOfSddl(drive, 'parent'), undefined);
  assert.match(weaknessOfSddl(drive, 'folder') ?? '', /may be written to by AU/);
  assert.equal(weaknessOfSddl(`${safe}S:AI(AU;SAFA;FA;;;WD)`, 'script'), undefined);
});

test('another owner, another writer, no list, and what is not understood are weaknesses', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['O:S-1-5-21-1-2-3-1001G:SYD:PAI(A;;FA;;;BA)', /belongs to S-1-5-21-1-2-3-1001/],
    ['O:BAD:', /no access control list/],
    ['O:BAG:SYD:NO_ACCESS_CONTROL', /no access control list/],
    ['', /belongs to somebody unknown/],
    ['O:BAD:(A;;FW;;;BU)', /may be written to by BU/],
    ['O:BAD:(A;;0x40;;;WD)', /may be written to by WD/],
    ['O:BAD:(A;;GA;;;S-1-1-0)', /may be written to by S-1-1-0/],
    ['O:BAD:(A;OICI;FRWD;;;AU)', /may be written to by AU/],
    ['O:BAD:(XA;;FR;;;BU;(@User.Title=="PM"))', /not understood/],
    ['O:BAD:(A;;ZZ;;;BU)', /not understood/],
    ['O:BAD:(A;;FR;;;)', /not understood/],
  ];
  for (const [sddl, expected] of cases) assert.match(weaknessOfSddl(sddl, 'script') ?? 'safe', expected, sddl);
});

test('whoever may write by any bit is found, among any other entries; no text breaks the parser', () => {
  const bits = [0x2, 0x4, 0x10, 0x40, 0x100, 0x1_0000, 0x4_0000, 0x8_0000, 0x1000_0000, 0x4000_0000];
  const harmless = fc.constantFrom(
    '(A;;FA;;;SY)',
    '(A;OICIIO;GA;;;BU)',
    '(D;;GA;;;WD)',
    '(A;;FR;;;BU)',
    '(A;;FX;;;AU)',
  );
  fc.assert(
    fc.property(
      fc.array(harmless, { maxLength: 4 }),
      fc.constantFrom(...bits),
      fc.nat(0xff_ffff),
      fc.array(harmless, { maxLength: 4 }),
      (before, bit, others, after) => {
        const mask = ((bit | others) >>> 0).toString(16);
        const sddl = `O:SYG:SYD:AI${before.join('')}(A;ID;0x${mask};;;S-1-5-21-9-9-9-1002)${after.join('')}`;
        assert.match(weaknessOfSddl(sddl, 'script') ?? '', /may be written to by S-1-5-21-9-9-9-1002/);
        if (before.length + after.length > 0)
          assert.equal(weaknessOfSddl(`O:SYG:SYD:AI${[...before, ...after].join('')}`, 'script'), undefined);
      },
    ),
  );
  fc.assert(fc.property(fc.string(), (text) => assert.notEqual(weaknessOfSddl(text, 'script'), undefined)));
});
