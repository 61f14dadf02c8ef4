// Package xmlstream is a pull parser for the XML of package repositories: fast
// enough for indexes of hundreds of megabytes, in constant memory, and strict.
//
// It reads well-formed XML 1.0 with namespaces, in UTF-8, and refuses what the
// common readers (libxml2, expat) refuse. Beyond that it refuses what no index
// needs and what has been used for attacks or makes two readers see two things:
//
//   - any encoding but UTF-8, and XML versions other than 1.0;
//   - document types, so that there are no entities but the five predefined
//     ones; [Limits.Doctype] lets a document type without an internal subset
//     pass, which is never fetched;
//   - names with other than ASCII characters;
//   - prefixes that no xmlns attribute declares.
//
// Depth, attributes and the length of a token are bounded by [Limits]. Past a
// bound, and for everything that is not well-formed, the answer is a
// [repo.FormatError] with the line; an error of the reader is passed on.
package xmlstream
