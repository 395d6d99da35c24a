import { Button, Fieldset, Group, Stack, TextInput } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useText } from '../../../i18n/language.tsx';
import type { JobDraft } from './job-draft.ts';
import { Weekdays, weekdays } from './weekdays.tsx';

type Window = JobDraft['windows'][number];
const maxWindows = 50;

/** When it may run at all; none: at any time. */
export function Windows(o: {
  readonly windows: readonly Window[];
  readonly onChange: (windows: Window[]) => void;
}): ReactNode {
  const t = useText();
  const put = (at: number, window: Window): void => o.onChange(o.windows.with(at, window));
  return (
    <Stack gap="sm">
      {o.windows.map((window, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: windows have no names, and are only added at the end
        <Fieldset key={at} legend={t('wizard.window', { count: at + 1 })}>
          <Stack gap="sm">
            <Group gap="md" align="flex-end">
              <TextInput
                type="time"
                label={t('wizard.from')}
                required
                value={window.from}
                onChange={({ currentTarget }) => put(at, { ...window, from: currentTarget.value })}
              />
              <TextInput
                label={t('wizard.to')}
                description={t('wizard.to.hint')}
                required
                value={window.to}
                onChange={({ currentTarget }) => put(at, { ...window, to: currentTarget.value })}
              />
              <Button variant="subtle" onClick={() => o.onChange(o.windows.toSpliced(at, 1))}>
                {t('wizard.window.drop')}
              </Button>
            </Group>
            <Weekdays days={window.days} onChange={(days) => put(at, { ...window, days })} />
          </Stack>
        </Fieldset>
      ))}
      {o.windows.length < maxWindows && (
        <div>
          <Button
            variant="default"
            size="compact-sm"
            leftSection={<IconPlus size={15} aria-hidden="true" />}
            onClick={() => o.onChange([...o.windows, { days: [...weekdays], from: '20:00', to: '06:00' }])}
          >
            {t('wizard.window.add')}
          </Button>
        </div>
      )}
    </Stack>
  );
}
