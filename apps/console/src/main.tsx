import '@mantine/core/styles.css';
import './app/app.css';
import { createRoot } from 'react-dom/client';
import { App } from './app/app.tsx';
import { findSession } from './session/session.tsx';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no root.');
// While texts and pages are still on their way.
void findSession();
createRoot(root).render(<App />);

// After an update of the server the parts that this page would load next are gone: a new page knows the new ones.
addEventListener('vite:preloadError', () => location.reload());
