import { Button, Divider, Stack } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { routeQuery } from '../api/queries.ts';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useText } from '../i18n/language.tsx';
import { beginOutsideSignIn } from './outside-sign-in.ts';

/** The providers elsewhere that people may sign in with, in the order of the server. */
export function OutsideProviders(): ReactNode {
  const t = useText();
  const { data } = useQuery(routeQuery('console', {}));
  const begin = useMutation({ mutationFn: beginOutsideSignIn });
  if (!data || data.providers.length === 0) return null;
  return (
    <Stack gap="sm">
      <Divider label={t('sign-in.or')} />
      {data.providers.map(({ id, name }) => (
        <Button
          key={id}
          size="md"
          variant="default"
          loading={begin.isPending && begin.variables === id}
          onClick={() => begin.mutate(id)}
        >
          {t('sign-in.outside', { name })}
        </Button>
      ))}
      {begin.error && <ProblemAlert error={begin.error} />}
    </Stack>
  );
}
