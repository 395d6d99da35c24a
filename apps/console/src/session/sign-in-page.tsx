import type { ReactNode } from 'react';
import { useText } from '../i18n/language.tsx';
import { OutsideFrame } from './outside-frame.tsx';
import { SignInForm } from './sign-in-form.tsx';

export function SignInPage(): ReactNode {
  const t = useText();
  return (
    <OutsideFrame title={t('sign-in.title')} lead={t('sign-in.lead', { host: location.hostname })}>
      <SignInForm />
    </OutsideFrame>
  );
}
