// Every fixed reply of the SMTP server, without CRLF. Those with "HOST" in their comment are said
// with the server's name after the code: code and text are separate here.
// Source: RFC 5321 4.2.2 and 4.3.2, RFC 3463 (enhanced codes), RFC 1870, 3030, 3461.
// Layer:  smtp/server, pure.
#pragma once

#include <string_view>

namespace barid::smtp::replies {

// Sessions
inline constexpr std::string_view kGreetingCode = "220 ";
inline constexpr std::string_view kSynchronization =
    "554 5.5.0 Error: SMTP protocol synchronization";
inline constexpr std::string_view kNonSmtp = "221 2.7.0 Error: I can break rules, too. Goodbye.";
inline constexpr std::string_view kBye = "221 2.0.0 Bye";
inline constexpr std::string_view kAccessDenied = "503 5.7.0 Error: access denied for ";
inline constexpr std::string_view kTimeoutCode = "421 4.4.2";  // HOST
inline constexpr std::string_view kTimeout = "Error: timeout exceeded";
inline constexpr std::string_view kShutdownCode = "421 4.3.2";  // HOST
inline constexpr std::string_view kShutdown = "Service shutting down";
inline constexpr std::string_view kTooManyErrorsCode = "421 4.7.0";  // HOST
inline constexpr std::string_view kTooManyErrors = "Error: too many errors";
inline constexpr std::string_view kLocalErrorCode = "421 4.3.0";  // HOST
inline constexpr std::string_view kLocalError = "Server local data error";

// Lines
inline constexpr std::string_view kLineCode = "500 5.5.2";  // HOST
inline constexpr std::string_view kLineTooLong = "Error: command too long";
inline constexpr std::string_view kBareNewline = "Error: bare <LF> received";
inline constexpr std::string_view kBareNewlineEnhanced =
    " 5.5.2";  // after the configured code, HOST
inline constexpr std::string_view kBadUtf8 = "500 5.5.2 Error: bad UTF-8 syntax";
inline constexpr std::string_view kControlCharacter =
    "500 5.5.2 Error: control character in command";
inline constexpr std::string_view kBadSyntax = "500 5.5.2 Error: bad syntax";
inline constexpr std::string_view kUnknownCommand = "500 5.5.2 Error: command not recognized";
inline constexpr std::string_view kNotImplemented = "502 5.5.1 Error: command not implemented";

// Simple commands
inline constexpr std::string_view kOk = "250 2.0.0 Ok";
inline constexpr std::string_view kHelp =
    "214 2.0.0 Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY ETRN QUIT HELP";
inline constexpr std::string_view kHeloUsage = "501 Syntax: HELO hostname";
inline constexpr std::string_view kEhloUsage = "501 Syntax: EHLO hostname";
inline constexpr std::string_view kRsetUsage = "501 5.5.4 Syntax: RSET";
inline constexpr std::string_view kVrfyUsage = "501 5.5.4 Syntax: VRFY address [SMTPUTF8]";
inline constexpr std::string_view kVrfyDisabled = "502 5.5.1 VRFY command is disabled";
inline constexpr std::string_view kVrfyCode = "252 2.0.0 ";
inline constexpr std::string_view kEtrnUsage = "500 Syntax: ETRN domain";
inline constexpr std::string_view kEtrnSyntax = "501 Error: invalid parameter syntax";
inline constexpr std::string_view kEtrnOk = "250 Queuing started";
inline constexpr std::string_view kAuthNotEnabled = "503 5.5.1 Error: authentication not enabled";
inline constexpr std::string_view kEhloFirst = "503 5.5.1 Error: send EHLO first";
inline constexpr std::string_view kAuthTwice = "503 5.5.1 Error: already authenticated";
inline constexpr std::string_view kAuthNeedsEncryption =
    "504 5.5.4 Encryption required for requested authentication mechanism";
inline constexpr std::string_view kAuthUsage = "501 5.5.4 Syntax: AUTH mechanism";
inline constexpr std::string_view kAuthAborted = "501 5.7.0 Authentication aborted";
inline constexpr std::string_view kAuthTooLong = "500 5.5.6 SASL response limit exceeded";
inline constexpr std::string_view kAuthOk = "235 2.7.0 Authentication successful";
inline constexpr std::string_view kBadAuth = "501 5.5.4 Bad AUTH parameter syntax";
inline constexpr std::string_view kStarttlsUsage = "501 5.5.4 Syntax: STARTTLS";
inline constexpr std::string_view kStarttlsReady = "220 2.0.0 Ready to start TLS";
inline constexpr std::string_view kTlsActive = "554 5.5.1 Error: TLS already active";
inline constexpr std::string_view kTlsUnavailable =
    "454 4.7.0 TLS not available due to local problem";
inline constexpr std::string_view kMustStarttls = "530 5.7.0 Must issue a STARTTLS command first";
inline constexpr std::string_view kNotAuthorized = "550 5.7.0 Error: insufficient authorization";

// XCLIENT and XFORWARD
inline constexpr std::string_view kXclientUsage = "501 5.5.4 Syntax: XCLIENT attribute=value...";
inline constexpr std::string_view kXforwardUsage = "501 5.5.4 Syntax: XFORWARD attribute=value...";
inline constexpr std::string_view kAttributeExpected = "501 5.5.4 Error: attribute=value expected";
inline constexpr std::string_view kAttributeTooLong = "501 5.5.4 Error: attribute value too long";
inline constexpr std::string_view kBadAttribute = "501 5.5.4 Bad ";

// Order of commands (rules.h)
inline constexpr std::string_view kHeloFirst = "503 5.5.1 Error: send HELO/EHLO first";
inline constexpr std::string_view kNestedMail = "503 5.5.1 Error: nested MAIL command";
inline constexpr std::string_view kMailAfterBdat = "503 5.5.1 Error: MAIL after BDAT";
inline constexpr std::string_view kNeedMail = "503 5.5.1 Error: need MAIL command";
inline constexpr std::string_view kRcptAfterBdat = "503 5.5.1 Error: RCPT after BDAT";
inline constexpr std::string_view kNeedRcpt = "503 5.5.1 Error: need RCPT command";
inline constexpr std::string_view kNoRecipients = "554 5.5.1 Error: no valid recipients";
inline constexpr std::string_view kDataAfterBdat = "503 5.5.1 Error: DATA after BDAT";
inline constexpr std::string_view kInTransaction = "503 5.5.1 Error: MAIL transaction in progress";
inline constexpr std::string_view kEtrnInTransaction = "503 Error: MAIL transaction in progress";

// MAIL and RCPT
inline constexpr std::string_view kMailOk = "250 2.1.0 Ok";
inline constexpr std::string_view kMailUsage = "501 5.5.4 Syntax: MAIL FROM:<address>";
inline constexpr std::string_view kBadSender = "501 5.1.7 Bad sender address syntax";
inline constexpr std::string_view kRcptOk = "250 2.1.5 Ok";
inline constexpr std::string_view kRcptUsage = "501 5.5.4 Syntax: RCPT TO:<address>";
inline constexpr std::string_view kBadRecipient = "501 5.1.3 Bad recipient address syntax";
inline constexpr std::string_view kTooManyRecipients = "452 4.5.3 Error: too many recipients";
inline constexpr std::string_view kUnsupportedOption = "555 5.5.4 Unsupported option: ";
inline constexpr std::string_view kDuplicateOption = "501 5.5.4 Error: duplicate option: ";
inline constexpr std::string_view kBadSize = "501 5.5.4 Bad message size syntax";
inline constexpr std::string_view kBadPriority = "501 5.5.4 Bad MT-PRIORITY parameter syntax";
inline constexpr std::string_view kPriorityChanged = "250 2.3.6 ";
inline constexpr std::string_view kPriorityIsNew = " is the new priority assigned to the message";
inline constexpr std::string_view kBadRet = "501 5.5.4 Bad RET parameter syntax";
inline constexpr std::string_view kBadEnvid = "501 5.5.4 Bad ENVID parameter syntax";
inline constexpr std::string_view kBadNotify = "501 5.5.4 Error: Bad NOTIFY parameter syntax";
inline constexpr std::string_view kBadOrcpt = "501 5.5.4 Error: Bad ORCPT parameter syntax";
inline constexpr std::string_view kBadVerp = "501 5.5.4 Error: XVERP needs two characters from ";
inline constexpr std::string_view kVerpNullSender =
    "503 5.5.4 Error: XVERP requires non-null sender";
inline constexpr std::string_view kDsnDisabled = "501 5.7.1 DSN support is disabled";
inline constexpr std::string_view kSizeExceedsLimit = "552 5.3.4 Message size exceeds fixed limit";

// DATA and BDAT
inline constexpr std::string_view kDataGo = "354 End data with <CR><LF>.<CR><LF>";
inline constexpr std::string_view kDataUsage = "501 5.5.4 Syntax: DATA";
inline constexpr std::string_view kBinaryNeedsBdat =
    "503 5.5.1 Error: BODY=BINARYMIME requires BDAT";
inline constexpr std::string_view kQueuedAs = "250 2.0.0 Ok: queued as ";
inline constexpr std::string_view kOkPrefix = "250 2.0.0 Ok: ";
inline constexpr std::string_view kTooBig = "552 5.3.4 Error: message file too big";
inline constexpr std::string_view kTooManyHops = "554 5.4.0 Error: too many hops";
inline constexpr std::string_view kBdatUsage = "521 5.5.4 Syntax: BDAT count [LAST]";
inline constexpr std::string_view kBdatDisabled = "521 5.5.1 Error: command not implemented";
inline constexpr std::string_view kBdatNull = "551 5.7.1 Null BDAT request";
inline constexpr std::string_view kBdatDiscarded = "551 5.0.0 Discarded ";
inline constexpr std::string_view kBdatTooBig = "552 5.3.4 Chunk exceeds message size limit";

}  // namespace barid::smtp::replies
