import { Modal } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useEffect } from 'react';
import { routeQuery } from '../api/queries.ts';
import { useText } from '../i18n/language.tsx';
import classes from './outside-frame.module.css';
import { SignInForm } from './sign-in-form.tsx';

/** Over the page, which stays as it is: whatever was typed there is still there afterwards. */
export function SignInAgain(): ReactNode {
  const t = useText();
  const client = useQueryClient();
  const name = client.getQueryData(routeQuery('account', {}).queryKey)?.user.name;
  // All that could not be asked for meanwhile.
  useEffect(() => () => void client.invalidateQueries(), [client]);
  return (
    <Modal opened onClose={() => undefined} withCloseButton={false} centered title={t('sign-in.again.title')}>
      <p className={classes['lead']}>{t('sign-in.again.lead')}</p>
      <SignInForm name={name} />
    </Modal>
  );
}
