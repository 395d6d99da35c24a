import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { call } from '../api/call.ts';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useText } from '../i18n/language.tsx';
import { OutsideProviders } from './outside-providers.tsx';
import { type PendingSignIn, SecondFactorForm } from './second-factor-form.tsx';
import { signedIn } from './session.tsx';

/** Name and password, then the second factor where the account has one. */
export function SignInForm({ name: known }: { readonly name?: string | undefined }): ReactNode {
  const t = useText();
  const [name, setName] = useState(known ?? '');
  const [password, setPassword] = useState('');
  const [pending, setPending] = useState<PendingSignIn>();
  const signIn = useMutation({
    mutationFn: () => call('browserSignIn', { body: { name, password } }),
    onSuccess: (answer) => {
      setPassword('');
      if (answer.state === 'signed-in') signedIn(answer.due);
      else setPending(answer);
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    signIn.mutate();
  };
  if (pending)
    return <SecondFactorForm pending={pending} onSignedIn={signedIn} onCancel={() => setPending(undefined)} />;
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <TextInput
          label={t('sign-in.name')}
          autoComplete="username"
          autoCapitalize="none"
          required
          data-autofocus
          autoFocus={known === undefined}
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        <PasswordInput
          label={t('sign-in.password')}
          autoComplete="current-password"
          required
          autoFocus={known !== undefined}
          visibilityToggleButtonProps={{ 'aria-label': t('sign-in.show-password') }}
          value={password}
          onChange={({ currentTarget }) => setPassword(currentTarget.value)}
        />
        {signIn.error && <ProblemAlert error={signIn.error} />}
        <Button type="submit" size="md" loading={signIn.isPending}>
          {t('sign-in.submit')}
        </Button>
        <OutsideProviders />
      </Stack>
    </form>
  );
}
