import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { call } from '../api/call.ts';
import { CopyLine } from '../components/copy-line.tsx';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useText } from '../i18n/language.tsx';
import { OutsideFrame } from './outside-frame.tsx';
import { signedIn } from './session.tsx';
import { SignInForm } from './sign-in-form.tsx';

/** Out of the address, where neither the history nor anybody who looks over a shoulder finds it. */
function takeCode(): string {
  const code = decodeURIComponent(location.hash.slice(1));
  if (code !== '') history.replaceState(history.state, '', location.pathname);
  return code;
}

/** Taken once, when this part is loaded: the link is good for one administrator. */
const codeOfAddress = takeCode();

/** The first administrator of an empty server: whoever has the code that the server printed where it was started. */
export function SetUpPage({ needed }: { readonly needed: boolean }): ReactNode {
  const t = useText();
  const navigate = useNavigate();
  const [code, setCode] = useState(codeOfAddress);
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [repeated, setRepeated] = useState('');
  const setUp = useMutation({
    mutationFn: () => call('setUp', { body: { code: code.trim(), name, password } }),
    onSuccess: async ({ due }) => {
      await navigate({ to: '/get-started' });
      signedIn(due);
    },
  });
  const differs = repeated !== '' && repeated !== password;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (password === repeated) setUp.mutate();
  };
  if (!needed)
    return (
      <OutsideFrame title={t('sign-in.title')} lead={t('set-up.done')}>
        <SignInForm />
      </OutsideFrame>
    );
  return (
    <OutsideFrame title={t('set-up.title')} lead={t('set-up.lead')}>
      <form onSubmit={submit}>
        <Stack gap="md">
          {(codeOfAddress === '' || setUp.error) && (
            <>
              <TextInput
                label={t('set-up.code')}
                description={t('set-up.code.hint')}
                autoComplete="off"
                required
                autoFocus
                value={code}
                onChange={({ currentTarget }) => setCode(currentTarget.value)}
              />
              <CopyLine label={t('set-up.new-code')}>holdfast set-up-link</CopyLine>
            </>
          )}
          <TextInput
            label={t('sign-in.name')}
            description={t('set-up.name.hint')}
            autoComplete="username"
            autoCapitalize="none"
            required
            autoFocus={codeOfAddress !== ''}
            value={name}
            onChange={({ currentTarget }) => setName(currentTarget.value)}
          />
          <PasswordInput
            label={t('sign-in.password')}
            description={t('set-up.password.hint')}
            autoComplete="new-password"
            required
            visibilityToggleButtonProps={{ 'aria-label': t('sign-in.show-password') }}
            value={password}
            onChange={({ currentTarget }) => setPassword(currentTarget.value)}
          />
          <PasswordInput
            label={t('set-up.repeat')}
            autoComplete="new-password"
            required
            error={differs && t('set-up.differs')}
            visibilityToggleButtonProps={{ 'aria-label': t('sign-in.show-password') }}
            value={repeated}
            onChange={({ currentTarget }) => setRepeated(currentTarget.value)}
          />
          {setUp.error && <ProblemAlert error={setUp.error} />}
          <Button type="submit" size="md" loading={setUp.isPending}>
            {t('set-up.submit')}
          </Button>
        </Stack>
      </form>
    </OutsideFrame>
  );
}
