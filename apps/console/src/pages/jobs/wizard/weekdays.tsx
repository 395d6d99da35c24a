import type { Job } from '@holdfast/protocol';
import { Checkbox, Group } from '@mantine/core';
import type { ReactNode } from 'react';
import { useText } from '../../../i18n/language.tsx';

type Weekday = Extract<Job['schedule'], { kind: 'weekly' }>['days'][number];

/** As the API has them, in the order of ISO 8601. */
export const weekdays: readonly Weekday[] = [
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
  'sunday',
];

export function Weekdays(o: {
  readonly days: readonly Weekday[];
  readonly onChange: (days: Weekday[]) => void;
}): ReactNode {
  const t = useText();
  return (
    <Checkbox.Group
      label={t('wizard.days')}
      value={[...o.days]}
      onChange={(chosen) => o.onChange(weekdays.filter((day) => chosen.includes(day)))}
    >
      <Group gap="md" mt={8}>
        {weekdays.map((day) => (
          <Checkbox key={day} value={day} label={t(`weekday.${day}`)} />
        ))}
      </Group>
    </Checkbox.Group>
  );
}
