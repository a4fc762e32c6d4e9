// The contract's comments, as texts for people.

import type {
  DescEnum,
  DescEnumValue,
  DescField,
  DescFile,
  DescMessage,
  DescMethod,
  DescOneof,
  DescService,
} from '@bufbuild/protobuf';

export type Commented =
  | DescService
  | DescMethod
  | DescMessage
  | DescField
  | DescOneof
  | DescEnum
  | DescEnumValue;

/** What stands before an element in the contract, a line for a paragraph; '' where nothing does. */
export type CommentOf = (element: Commented) => string;

export function readComments(files: Iterable<DescFile>): CommentOf {
  const texts = new Map<DescFile, ReadonlyMap<string, string>>();
  for (const file of files) {
    const locations = file.proto.sourceCodeInfo?.location ?? [];
    const commented = locations.filter(({ leadingComments }) => leadingComments !== '');
    texts.set(
      file,
      new Map(
        commented.map(({ path, leadingComments }) => [path.join('.'), flow(leadingComments)]),
      ),
    );
  }
  return (element) => texts.get(fileOf(element))?.get(pathOf(element).join('.')) ?? '';
}

export function firstParagraph(text: string): string {
  return text.split('\n\n', 1)[0] ?? '';
}

/** The first sentence, without its full stop. */
export function firstSentence(text: string): string {
  return text.split(/\.(?=\s|$)/, 1)[0] ?? '';
}

/** The contract's line breaks go, but between paragraphs and before the items of a list. */
function flow(comment: string): string {
  return comment
    .split('\n')
    .map((line) => line.replace(/^ /, ''))
    .join('\n')
    .trim()
    .replace(/(?<!\n)\n(?!\n|- ) */g, ' ');
}

function fileOf(element: Commented): DescFile {
  switch (element.kind) {
    case 'enum':
    case 'message':
    case 'service':
      return element.file;
    default:
      return element.parent.file;
  }
}

/** As SourceCodeInfo counts: the number of the field in its descriptor, then the index there. */
function pathOf(element: Commented): readonly number[] {
  switch (element.kind) {
    case 'service':
      return [6, element.file.services.indexOf(element)];
    case 'rpc':
      return [...pathOf(element.parent), 2, element.parent.methods.indexOf(element)];
    case 'message': {
      const { parent, file } = element;
      if (parent === undefined) return [4, file.proto.messageType.indexOf(element.proto)];
      return [...pathOf(parent), 3, parent.proto.nestedType.indexOf(element.proto)];
    }
    case 'field':
      return [...pathOf(element.parent), 2, element.parent.proto.field.indexOf(element.proto)];
    case 'oneof':
      return [...pathOf(element.parent), 8, element.parent.proto.oneofDecl.indexOf(element.proto)];
    case 'enum': {
      const { parent, file } = element;
      if (parent === undefined) return [5, file.proto.enumType.indexOf(element.proto)];
      return [...pathOf(parent), 4, parent.proto.enumType.indexOf(element.proto)];
    }
    case 'enum_value':
      return [...pathOf(element.parent), 2, element.parent.values.indexOf(element)];
  }
}
