import { TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { type ReactNode, useEffect, useState } from 'react';

const pauseMs = 250;

/** Asks when somebody pauses, not at each letter. */
export function SearchField(o: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}): ReactNode {
  const [text, setText] = useState(o.value);
  useEffect(() => setText(o.value), [o.value]);
  const tell = useDebouncedCallback(o.onChange, pauseMs);
  return (
    <TextInput
      type="search"
      aria-label={o.label}
      placeholder={o.label}
      leftSection={<IconSearch size={16} aria-hidden="true" />}
      value={text}
      onChange={({ currentTarget }) => {
        setText(currentTarget.value);
        tell(currentTarget.value);
      }}
    />
  );
}
