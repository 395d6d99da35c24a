import { Button, PasswordInput, Stack } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { call } from '../api/call.ts';
import { CopyLine } from '../components/copy-line.tsx';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useText } from '../i18n/language.tsx';
import { AddFactor } from '../pages/settings/add-factor.tsx';
import { OutsideFrame } from './outside-frame.tsx';
import { findSession, useSignOut } from './session.tsx';

/** What the server wants before anything else: a password of one's own, or a second factor. */
export function DuePage({ what }: { readonly what: 'password' | 'second-factor' }): ReactNode {
  const t = useText();
  const signOut = useSignOut();
  const text = what === 'password' ? 'due.password' : 'due.factor';
  return (
    <OutsideFrame title={t(`${text}.title`)} lead={t(`${text}.lead`)}>
      {what === 'password' ? <OwnPassword /> : <FirstFactor />}
      <Button variant="subtle" fullWidth mt="md" onClick={() => void signOut()}>
        {t('account.sign-out')}
      </Button>
    </OutsideFrame>
  );
}

function OwnPassword(): ReactNode {
  const t = useText();
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const change = useMutation({
    mutationFn: () => call('changePassword', { body: { currentPassword: current, newPassword: next } }),
    onSuccess: findSession,
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <PasswordInput
          label={t('due.password.current')}
          autoComplete="current-password"
          required
          autoFocus
          visibilityToggleButtonProps={{ 'aria-label': t('sign-in.show-password') }}
          value={current}
          onChange={({ currentTarget }) => setCurrent(currentTarget.value)}
        />
        <PasswordInput
          label={t('due.password.new')}
          description={t('set-up.password.hint')}
          autoComplete="new-password"
          required
          visibilityToggleButtonProps={{ 'aria-label': t('sign-in.show-password') }}
          value={next}
          onChange={({ currentTarget }) => setNext(currentTarget.value)}
        />
        {change.error && <ProblemAlert error={change.error} />}
        <Button type="submit" size="md" loading={change.isPending}>
          {t('due.password.submit')}
        </Button>
      </Stack>
    </form>
  );
}

/** A passkey or one-time passwords; recovery codes come out, which are shown this once. */
function FirstFactor(): ReactNode {
  const t = useText();
  const [codes, setCodes] = useState<readonly string[]>();
  if (!codes) return <AddFactor onCodes={setCodes} />;
  return (
    <Stack gap="md">
      <p>{t('due.factor.codes')}</p>
      <CopyLine label={t('due.factor.codes.label')}>{codes.join('\n')}</CopyLine>
      <Button size="md" onClick={() => void findSession()}>
        {t('due.factor.kept')}
      </Button>
    </Stack>
  );
}
