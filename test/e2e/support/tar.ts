// The least of a tar archive: one file in the POSIX ustar form.
// https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06

const blockBytes = 512;

/** An archive ends with two blocks of zeros. */
const end = Buffer.alloc(2 * blockBytes);

/** An archive with one regular file, readable by all. */
export function tarOf(name: string, content: Buffer): Buffer {
  const padding = Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes);
  return Buffer.concat([headerOf(name, content.length), content, padding, end]);
}

function headerOf(name: string, size: number): Buffer {
  const header = Buffer.alloc(blockBytes);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
  header.write(name, 0);
  header.write(octal(0o644, 7), 100);
  header.write(octal(0, 7), 108); // User and group, root; the time is the epoch.
  header.write(octal(0, 7), 116);
  header.write(octal(size, 11), 124);
  header.write(octal(0, 11), 136);
  header.write('0', 156); // A regular file.
  header.write('ustar\u000000', 257);
  // The checksum counts its own field as eight spaces.
  header.write(' '.repeat(8), 148);
  header.write(
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\u0000 `,
    148,
  );
  return header;
}
