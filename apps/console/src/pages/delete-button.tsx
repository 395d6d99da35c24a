import { Button, Group, Modal, Stack } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { call, type RouteName, tagged } from '../api/call.ts';
import { invalidateRoutes } from '../api/queries.ts';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useText } from '../i18n/language.tsx';

/** The routes that take one thing away, by its id. */
type DeleteRoute = 'deleteJob' | 'deletePolicy' | 'deleteGroup' | 'deleteUser';

/** Takes something away once the person has read what that means, and only as it was then. */
export function DeleteButton(o: {
  readonly route: DeleteRoute;
  /** Shows what is deleted. */
  readonly of: 'job' | 'policy' | 'group' | 'user';
  readonly id: string;
  readonly name: string;
  readonly warning: string;
  readonly changes: readonly RouteName[];
  readonly onDeleted: () => void;
}): ReactNode {
  const t = useText();
  const client = useQueryClient();
  const [isOpen, setIsOpen] = useState(false);
  const remove = useMutation({
    mutationFn: async () => {
      const params = { id: o.id };
      const { tag } = await tagged(o.of, { params });
      return call(o.route, { params, ifMatch: tag });
    },
    onSuccess: async () => {
      setIsOpen(false);
      o.onDeleted();
      await invalidateRoutes(client, o.changes);
    },
  });
  const close = (): void => {
    remove.reset();
    setIsOpen(false);
  };
  return (
    <>
      <Button variant="default" onClick={() => setIsOpen(true)}>
        {t('action.delete')}
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={t('delete.title', { name: o.name })}
        closeButtonProps={{ 'aria-label': t('action.close') }}
      >
        <Stack gap="md">
          <p>{o.warning}</p>
          {remove.error && <ProblemAlert error={remove.error} />}
          <Group gap="sm">
            <Button color="red" loading={remove.isPending} onClick={() => remove.mutate()}>
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
