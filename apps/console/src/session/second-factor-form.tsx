import type { Answer, CallArguments, Routes } from '@holdfast/protocol';
import { Button, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { call } from '../api/call.ts';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useText } from '../i18n/language.tsx';
import { assertPasskey } from './passkey.ts';
import type { signedIn } from './session.tsx';

export type PendingSignIn = Extract<Answer<'browserSignIn'>, { state: 'second-factor' }>;
type Proof = CallArguments<Routes['completeBrowserSignIn']>['body']['proof'];

/** A code of the app, a passkey, or one of the recovery codes. */
export function SecondFactorForm(o: {
  readonly pending: PendingSignIn;
  readonly onSignedIn: (due: Parameters<typeof signedIn>[0]) => Promise<void> | void;
  readonly onCancel: () => void;
}): ReactNode {
  const t = useText();
  const { pending, factors, passkeyOptions } = o.pending;
  const hasTotp = factors.includes('totp');
  const [kind, setKind] = useState<'totp' | 'recovery-code'>(hasTotp ? 'totp' : 'recovery-code');
  const [code, setCode] = useState('');
  const complete = useMutation({
    mutationFn: async (given: Proof | 'passkey') => {
      const proof: Proof =
        given === 'passkey' ? { kind: 'passkey', response: await assertPasskey(passkeyOptions ?? {}) } : given;
      return call('completeBrowserSignIn', { body: { pending, proof } });
    },
    onSuccess: ({ due }) => o.onSignedIn(due),
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    complete.mutate({ kind, code: code.trim() });
  };
  const hasCodes = hasTotp || factors.includes('recovery-code');
  return (
    <Stack gap="md">
      {passkeyOptions && (
        <Button size="md" loading={complete.isPending} onClick={() => complete.mutate('passkey')}>
          {t('sign-in.passkey')}
        </Button>
      )}
      {hasCodes && (
        <form onSubmit={submit}>
          <Stack gap="md">
            <TextInput
              key={kind}
              label={t(kind === 'totp' ? 'sign-in.totp' : 'sign-in.recovery-code')}
              description={t(kind === 'totp' ? 'sign-in.totp.hint' : 'sign-in.recovery-code.hint')}
              autoComplete="one-time-code"
              inputMode={kind === 'totp' ? 'numeric' : 'text'}
              required
              autoFocus
              value={code}
              onChange={({ currentTarget }) => setCode(currentTarget.value)}
            />
            <Button type="submit" size="md" loading={complete.isPending}>
              {t('sign-in.submit')}
            </Button>
          </Stack>
        </form>
      )}
      {complete.error && <ProblemAlert error={complete.error} />}
      {hasTotp && factors.includes('recovery-code') && (
        <Button variant="subtle" onClick={() => setKind(kind === 'totp' ? 'recovery-code' : 'totp')}>
          {t(kind === 'totp' ? 'sign-in.use-recovery-code' : 'sign-in.use-totp')}
        </Button>
      )}
      <Button variant="subtle" onClick={o.onCancel}>
        {t('action.back')}
      </Button>
    </Stack>
  );
}
