// Runs before each test file: registers the removal of its temporary directories, as the last hook of the file and also after a failure.

import { afterAll } from 'vitest';
import { removeTemporaryDirectories } from './directory.ts';

afterAll(() => removeTemporaryDirectories());
