import type { Answer } from '@holdfast/protocol';
import { Button, Group, Modal, Stack } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { type Changeable, ifAsSeen } from '../api/as-seen.ts';
import { call, type RouteName } from '../api/call.ts';
import { invalidateRoutes } from '../api/queries.ts';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useText } from '../i18n/language.tsx';

/** The routes that take one thing away, by its id. */
type DeleteRoute = 'deleteJob' | 'deletePolicy' | 'deleteGroup' | 'deleteUser';

/** Takes something away once the person has read what that means, and only as it was then. */
export function DeleteButton(o: {
  readonly route: DeleteRoute;
  readonly of: Changeable;
  readonly id: string;
  /** What is on the screen. */
  readonly seen: Answer<Changeable>;
  readonly name: string;
  readonly warning: string;
  readonly changes: readonly RouteName[];
  readonly onDeleted: () => void;
}): ReactNode {
  const t = useText();
  const client = useQueryClient();
  // As it was when it was asked for.
  const [seen, setSeen] = useState<Answer<Changeable>>();
  const remove = useMutation({
    mutationFn: (was: Answer<Changeable>) => ifAsSeen({ ...o, seen: was }, (guard) => call(o.route, guard)),
    onSuccess: async () => {
      setSeen(undefined);
      o.onDeleted();
      await invalidateRoutes(client, o.changes);
    },
    onError: () => invalidateRoutes(client, [o.of, ...o.changes]),
  });
  const close = (): void => {
    remove.reset();
    setSeen(undefined);
  };
  return (
    <>
      <Button variant="default" onClick={() => setSeen(o.seen)}>
        {t('action.delete')}
      </Button>
      <Modal
        opened={seen !== undefined}
        onClose={close}
        title={t('delete.title', { name: o.name })}
        closeButtonProps={{ 'aria-label': t('action.close') }}
      >
        <Stack gap="md">
          <p>{o.warning}</p>
          {remove.error && <ProblemAlert error={remove.error} />}
          <Group gap="sm">
            <Button color="red" loading={remove.isPending} onClick={() => seen && remove.mutate(seen)}>
              {t('action.delete')}
            </Button>
            <Button variant="default" onClick={close}>
              {t('action.cancel')}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
