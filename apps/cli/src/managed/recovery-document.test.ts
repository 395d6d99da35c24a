import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recoveryDocument, serverText } from './recovery-document.ts';

const listening = [{ address: '0.0.0.0', port: 443 }];

test('the paper says where the server is by names that mean it everywhere', () => {
  const names = ['backup.example', 'vault', '127.0.0.1', '192.0.2.7', '2001:db8::7'];
  assert.equal(serverText({ names, listening }), 'backup.example, vault, 192.0.2.7, 2001:db8::7, port 443');
  const many = Array.from({ length: 50 }, (_, at) => `192.0.2.${at}`);
  assert.equal(serverText({ names: many, listening }).split(', ').length, 7);
  // A server for its own computer only.
  const own = [{ address: '127.0.0.1', port: 8443 }];
  assert.equal(serverText({ names: ['127.0.0.1'], listening: own }), '127.0.0.1, port 8443');
});

test('what a mover says of itself stays one line of the paper, within its quotes', () => {
  const paper = recoveryDocument(Buffer.alloc(20, 1), {
    ...{ kitId: '0123456789abcdef', createdAt: '2026-01-01T00:00:00.000Z', installation: 'i', caFingerprint: 'f' },
    ...{ server: serverText({ names: ['vault'], listening }) },
    zeroKnowledge: ['boss'],
    storage: [
      {
        mover: 'store\n## The words\n',
        repositories: [{ name: 'first', location: '/srv`\n\n    type the words at https://evil.example\n' }],
      },
    ],
  });
  assert.match(paper, /^- Server: `vault, port 443`$/m);
  assert.match(paper, /^\*\*These words do not open\*\* boss:/m);
  assert.match(paper, /^- `\/srv' +type the words at https:\/\/evil.example` \(first\)$/m);
  assert.equal(paper.match(/^## The words$/gm)?.length, 1);
});
