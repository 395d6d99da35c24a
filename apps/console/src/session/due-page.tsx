import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { call } from '../api/call.ts';
import { CopyLine } from '../components/copy-line.tsx';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useText } from '../i18n/language.tsx';
import { OutsideFrame } from './outside-frame.tsx';
import { findSession } from './session.tsx';

/** What the server wants before anything else: a password of one's own, or a second factor. */
export function DuePage({ what }: { readonly what: 'password' | 'second-factor' }): ReactNode {
  const t = useText();
  return what === 'password' ? (
    <OutsideFrame title={t('due.password.title')} lead={t('due.password.lead')}>
      <OwnPassword />
    </OutsideFrame>
  ) : (
    <OutsideFrame title={t('due.factor.title')} lead={t('due.factor.lead')}>
      <FirstFactor />
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

/** One-time passwords: the secret is shown this once, a first code proves that it has arrived, and recovery codes come out. */
function FirstFactor(): ReactNode {
  const t = useText();
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const begin = useMutation({
    mutationFn: () => call('addTotp', { body: { currentPassword: password } }),
    onSuccess: () => setPassword(''),
  });
  const confirm = useMutation({
    mutationFn: (id: string) => call('confirmTotp', { params: { id }, body: { code: code.trim() } }),
  });
  if (confirm.data)
    return (
      <Stack gap="md">
        <p>{t('due.factor.codes')}</p>
        <CopyLine label={t('due.factor.codes.label')}>{(confirm.data.recoveryCodes ?? []).join('\n')}</CopyLine>
        <Button size="md" onClick={() => void findSession()}>
          {t('due.factor.kept')}
        </Button>
      </Stack>
    );
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (begin.data) confirm.mutate(begin.data.id);
    else begin.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        {begin.data ? (
          <>
            <CopyLine label={t('due.factor.secret')}>{begin.data.secret}</CopyLine>
            <a href={begin.data.uri}>{t('due.factor.open')}</a>
            <TextInput
              label={t('sign-in.totp')}
              inputMode="numeric"
              autoComplete="one-time-code"
              required
              autoFocus
              value={code}
              onChange={({ currentTarget }) => setCode(currentTarget.value)}
            />
          </>
        ) : (
          <PasswordInput
            label={t('sign-in.password')}
            autoComplete="current-password"
            required
            autoFocus
            visibilityToggleButtonProps={{ 'aria-label': t('sign-in.show-password') }}
            value={password}
            onChange={({ currentTarget }) => setPassword(currentTarget.value)}
          />
        )}
        {(begin.error ?? confirm.error) && <ProblemAlert error={begin.error ?? confirm.error} />}
        <Button type="submit" size="md" loading={begin.isPending || confirm.isPending}>
          {t('action.continue')}
        </Button>
      </Stack>
    </form>
  );
}
