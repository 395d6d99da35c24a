import { Button, Group, PasswordInput, Stack } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { call } from '../../api/call.ts';
import { invalidateRoutes } from '../../api/queries.ts';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useText } from '../../i18n/language.tsx';
import { registerPasskey } from './register-passkey.ts';
import { TotpSetUp } from './totp-set-up.tsx';

/** The password first: whoever finds an open page must not make themselves a way in. */
export function AddFactor({ onCodes }: { readonly onCodes: (codes: readonly string[]) => void }): ReactNode {
  const t = useText();
  const client = useQueryClient();
  const [password, setPassword] = useState('');
  const done = (codes: readonly string[] | undefined): void => {
    setPassword('');
    if (codes) onCodes(codes);
    void invalidateRoutes(client, ['account']);
  };
  const passkey = useMutation({
    mutationFn: () => registerPasskey({ password, name: t('factors.kind.passkey') }),
    onSuccess: ({ recoveryCodes }) => done(recoveryCodes),
  });
  const totp = useMutation({ mutationFn: () => call('addTotp', { body: { currentPassword: password } }) });
  if (totp.data)
    return (
      <TotpSetUp
        begun={totp.data}
        onDone={(codes) => {
          totp.reset();
          done(codes);
        }}
        onCancel={() => totp.reset()}
      />
    );
  const error = passkey.error ?? totp.error;
  return (
    <Stack gap="sm">
      <Group gap="md" align="flex-end">
        <PasswordInput
          label={t('factors.password')}
          autoComplete="current-password"
          miw="16rem"
          visibilityToggleButtonProps={{ 'aria-label': t('sign-in.show-password') }}
          value={password}
          onChange={({ currentTarget }) => setPassword(currentTarget.value)}
        />
        <Button disabled={password === ''} loading={passkey.isPending} onClick={() => passkey.mutate()}>
          {t('factors.add.passkey')}
        </Button>
        <Button variant="default" disabled={password === ''} loading={totp.isPending} onClick={() => totp.mutate()}>
          {t('factors.add.totp')}
        </Button>
      </Group>
      {error && <ProblemAlert error={error} />}
    </Stack>
  );
}
