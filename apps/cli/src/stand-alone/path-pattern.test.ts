import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PatternList } from '@holdfast/engine';
import fc from 'fast-check';
import { patternOf } from './path-pattern.ts';

test('the pattern of a path matches that path and nothing beside it', () => {
  const name = fc
    .string({ minLength: 1, maxLength: 8 })
    .filter(
      (text) => !text.includes('/') && !text.includes('\0') && text !== '.' && text !== '..' && text.trim() !== '',
    );
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), name, (parts, other) => {
      const list = new PatternList([patternOf(`/${parts.join('/')}`)]);
      assert.ok(list.matches(parts));
      assert.ok(list.matches([...parts, other]), 'what is below it, too');
      assert.ok(!list.matches([other, ...parts]) || other === parts[0]);
      if (other !== parts.at(-1)) assert.ok(!list.matches([...parts.slice(0, -1), other]));
    }),
  );
});
