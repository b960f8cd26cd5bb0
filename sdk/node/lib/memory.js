// Limits the linear memories of a core module: its memory section gets a maximum.

const MEMORY_SECTION = 5;
const PAGE = 64 << 10;
const HEADER = 8;

/** The same module, whose own memories can't grow beyond this many bytes. Throws if they begin larger. */
export function withMemoryLimit(module, bytes) {
  const parts = [module.subarray(0, HEADER)];
  for (let at = HEADER; at < module.length; ) {
    const size = leb128(module, at + 1);
    const end = size.next + size.value;
    parts.push(
      module[at] === MEMORY_SECTION
        ? limitedSection(module.subarray(size.next, end), Math.floor(bytes / PAGE))
        : module.subarray(at, end),
    );
    at = end;
  }
  return Buffer.concat(parts);
}

/** A memory section with a maximum for each memory: flags, minimum, and perhaps a maximum. */
function limitedSection(section, pages) {
  const count = leb128(section, 0);
  const content = [...encoded(count.value)];
  let at = count.next;
  for (let memory = 0; memory < count.value; memory += 1) {
    const flags = section[at];
    if (flags > 1) {
      throw new Error("it has a shared or a 64-bit memory");
    }
    const minimum = leb128(section, at + 1);
    const maximum = flags === 1 ? leb128(section, minimum.next) : { value: pages, next: minimum.next };
    if (minimum.value > pages) {
      throw new Error(`it begins with ${minimum.value} pages of memory, where ${pages} are allowed`);
    }
    content.push(1, ...encoded(minimum.value), ...encoded(Math.min(maximum.value, pages)));
    at = maximum.next;
  }
  return Buffer.from([MEMORY_SECTION, ...encoded(content.length), ...content]);
}

/** Reads an unsigned LEB128 number of up to 32 bits. */
function leb128(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7, at += 1) {
    value += (bytes[at] & 0x7f) * 2 ** shift;
    if (bytes[at] < 0x80) {
      return { value, next: at + 1 };
    }
  }
}

function encoded(value) {
  const bytes = [];
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>>= 7;
  } while (value > 0);
  return bytes;
}
