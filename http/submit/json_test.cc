// Goal: the grammar is RFC 8259's, alone and nested; each refusal says what is wrong and where.
// Method: rows of JSON.
#include <gtest/gtest.h>

#include "http/submit/json_items.h"
#include "http/submit/json_reader.h"

namespace barid::http {
namespace {

std::optional<JsonValue> parse(std::string_view text, JsonProblem* problem = nullptr) {
  JsonReader reader;
  for (const char c : text) reader.add({&c, 1});
  if (reader.finish()) return reader.take();
  if (problem != nullptr) *problem = reader.problem();
  return std::nullopt;
}

TEST(Json, ComesBackAsItWas) {
  for (const std::string_view text :
       {R"({"a":[1,2.5,-3e7,true,false,null,"x"],"b":{"c":"\u00e9\n"},"d":[],"e":{}})",
        R"([0,1,255])", R"([1,256])", R"([1,"a"])", R"([1,[2,3],4])", R"("text")", "7"}) {
    SCOPED_TRACE(text);
    const auto value = parse(text);
    ASSERT_TRUE(value.has_value());
    std::string out;
    append_json(out, *value);
    const auto again = parse(out);
    ASSERT_TRUE(again.has_value());
    std::string twice;
    append_json(twice, *again);
    EXPECT_EQ(out, twice);
  }
  const auto bytes = parse("[0,1,255]");
  EXPECT_EQ(bytes->kind, JsonValue::Kind::kBytes);
  EXPECT_EQ(bytes->text, std::string("\x00\x01\xff", 3));
  EXPECT_EQ(parse("[1,256]")->items.size(), 2u);
}

TEST(Json, StringsAreUnescaped) {
  struct Row {
    std::string_view written, value;
  };
  for (const Row& row : {
           Row{R"("a\"b\\c\/d")", "a\"b\\c/d"},
           Row{R"("\b\f\n\r\t")", "\b\f\n\r\t"},
           Row{R"("\u00e9\u20AC\uD83D\uDE00 end")", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 end"},
           Row{R"("\u0041\u0000")", std::string_view("A\0", 2)},
           Row{"\"gr\xc3\xbc\xc3\x9f\x7f\"", "gr\xc3\xbc\xc3\x9f\x7f"},
       }) {
    const auto value = parse(row.written);
    ASSERT_TRUE(value.has_value()) << row.written;
    EXPECT_EQ(value->text, row.value);
  }
}

TEST(Json, GrammarIsStrict) {
  for (const std::string_view text : {"",
                                      " ",
                                      "[",
                                      "]",
                                      "{]",
                                      "[}",
                                      "[1 2]",
                                      "[,1]",
                                      "{,}",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{1:2}",
                                      "{\"a\" 1}",
                                      "1 2",
                                      "-",
                                      "-01",
                                      "1.",
                                      ".5",
                                      "1e",
                                      "1e+",
                                      "+1",
                                      "0x1",
                                      "NaN",
                                      "tru",
                                      "trueX",
                                      "True",
                                      "nulll",
                                      "\"\t\"",
                                      "\"\\x\"",
                                      "\"\\u12g4\"",
                                      "\"\\ud800\"",
                                      "\"\\ud800x\"",
                                      "\"\\ud800\\n\"",
                                      "\"\\ud800\\ud800\"",
                                      "\"\\udc00\"",
                                      "\"\xc3\"",
                                      "\"\xe2\\u0082\"",
                                      "\"unfinished",
                                      "\"\\",
                                      "\xef\xbb\xbf{}",
                                      "[1]]",
                                      "{}{}"}) {
    for (const std::string& written :
         {std::string(text), '[' + std::string(text) + ']', "{\"k\":" + std::string(text) + '}'}) {
      if (written == "[]" || written == "[ ]" || written == "[{}{}]]") continue;
      JsonProblem problem;
      EXPECT_FALSE(parse(written, &problem).has_value()) << written;
      EXPECT_FALSE(problem.text.empty()) << written;
    }
  }
  for (const std::string_view text :
       {" [ 1 , -0 , 0.5e-10 , 1E+2 ] ", "{ \"a\" : { } , \"\" : [ ] }\r\n\t", "-0.0", "null",
        "true"}) {
    EXPECT_TRUE(parse(text).has_value()) << text;
    EXPECT_TRUE(parse("[0, " + std::string(text) + "]").has_value()) << text;
  }
}

TEST(Json, ProblemsSayWhere) {
  const std::string name(1025, 'n');
  struct Row {
    std::string written, param, text;
  };
  for (const Row& row : {
           Row{R"({"to":1,"x":{},"to":2})", "to", "it stands twice"},
           Row{R"({"to":1,"x":[{"a":1,"b":1,"\u0061":1}]})", "x.0.a", "it stands twice"},
           Row{R"({"priority":1e400})", "priority", "a number is malformed, or beyond 64 bits"},
           Row{"{\"a\":[1,\"x\"," + std::string(600, '1') + "]}", "a.2",
               "a number is malformed, or beyond 64 bits"},
           Row{R"({"metadata":{"n":123456789012345678901}})", "metadata.n",
               "a number is malformed, or beyond 64 bits"},
           Row{R"({"subject":"\ud800"})", "subject", "a bad escape in a string"},
           Row{R"({"to":["a" "b"]})", "to.1",
               "a comma, colon, quote or bracket is missing or out of place"},
           Row{"{\"a\":{\"" + name + "\":1}}", "a", "a name is too long"},
           Row{R"({"a":"b)", "", "the document is incomplete"},
           Row{"", "", "the document is incomplete"},
           Row{"{\"a\":\"\xff\"}", "", "it is no valid UTF-8"},
           Row{"{\"a\":\"b\nc\"}", "", "a control character in a string"},
           Row{R"({"a":1}{})", "", "something follows the document"},
       }) {
    JsonProblem problem;
    EXPECT_FALSE(parse(row.written, &problem).has_value()) << row.written;
    EXPECT_EQ(problem.text, row.text) << row.written;
    EXPECT_EQ(problem.param, row.param) << row.written;
  }
}

TEST(Json, Bounds) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse(nested(kJsonDepthMax)).has_value());
  JsonProblem problem;
  EXPECT_FALSE(parse(nested(kJsonDepthMax + 1), &problem).has_value());
  EXPECT_EQ(problem.text, "values are nested too deep");
  std::string many = "[";
  for (size_t i = 0; i < kJsonNodesMax; ++i) many += "\"\",";
  many.back() = ']';
  EXPECT_FALSE(parse(many, &problem).has_value());
  EXPECT_EQ(problem.text, "too many values");
  // A Buffer's numbers are no values, unless something else is among them.
  std::string bytes = "[";
  for (size_t i = 0; i < kJsonNodesMax + 1; ++i) bytes += "7,";
  bytes.back() = ']';
  const auto buffer = parse(bytes);
  ASSERT_TRUE(buffer.has_value());
  EXPECT_EQ(buffer->text.size(), kJsonNodesMax + 1);
  bytes.back() = ',';
  EXPECT_FALSE(parse(bytes + "null]", &problem).has_value());
  EXPECT_EQ(problem.text, "too many values");
}

TEST(Json, OneDocumentAfterTheOther) {
  JsonReader reader;
  reader.add("{\"a\":");
  EXPECT_FALSE(reader.finish());
  reader.add("[\"b\"]");
  ASSERT_TRUE(reader.finish());
  EXPECT_EQ(reader.take().items.at(0).text, "b");
}

/// All items as JSON, one a line, and how it ended.
std::string walk(JsonItems& items) {
  std::string out;
  for (;;) {
    JsonValue item;
    switch (items.next(&item)) {
      case JsonItems::Step::kItem:
        append_json(out, item);
        out += '\n';
        continue;
      case JsonItems::Step::kEnd:
        return out + "end";
      case JsonItems::Step::kNotArray:
        return out + "no array";
      case JsonItems::Step::kBadLine:
        out += "bad " + items.problem().param + ": " + items.problem().text + '\n';
        continue;
      case JsonItems::Step::kProblem:
        return out + "! " + items.problem().param + ": " + items.problem().text;
    }
  }
}

TEST(JsonItems, ArrayInParts) {
  struct Row {
    std::string_view written, items;
  };
  for (const Row& row : {
           Row{"[]", "end"},
           Row{R"( [ {"a":"\u00e9"} , [1,[2,"x"]],3,null,"t",[255] ] )",
               "{\"a\":\"\u00e9\"}\n[1,[2,\"x\"]]\n3\nnull\n\"t\"\n[255]\nend"},
           Row{"{\"a\":[1]}", "no array"},
           Row{"7", "no array"},
           Row{"{\"a\":}", "! a: a comma, colon, quote or bracket is missing or out of place"},
           Row{"", "! : the document is incomplete"},
           Row{"[1,", "! : the document is incomplete"},
           Row{"[1,2", "! : the document is incomplete"},
           Row{"[1 2]", "1\n! 1: a comma, colon, quote or bracket is missing or out of place"},
           Row{"[1][2]", "1\n! : something follows the document"},
           Row{R"([{"a":1},{"a":1,"a":2}])", "{\"a\":1}\n! 1.a: it stands twice"},
           Row{R"([1,{"s":["\ud800"]}])", "1\n! 1.s.0: a bad escape in a string"},
       }) {
    const auto items = array_items(std::string(row.written));
    EXPECT_EQ(walk(*items), row.items) << row.written;
  }
}

TEST(JsonItems, BoundsAreThoseOfTheWholeDocument) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(walk(*array_items(nested(kJsonDepthMax))).ends_with("end"));
  EXPECT_TRUE(walk(*array_items(nested(kJsonDepthMax + 1))).ends_with("nested too deep"));
  std::string many = "[";
  for (size_t i = 0; i < kJsonNodesMax; ++i) many += "[],";
  many.back() = ']';
  EXPECT_TRUE(walk(*array_items(many)).ends_with("too many values"));
}

TEST(JsonItems, ManyAtOnceOnAThread) {
  const auto first = array_items("[1,{\"a\":\"b\"},3]"), second = array_items("[\"x\",\"y\"]");
  JsonValue one, two;
  for (const char* item : {"x", "y"}) {
    EXPECT_EQ(first->next(&one), JsonItems::Step::kItem);
    EXPECT_EQ(second->next(&two), JsonItems::Step::kItem);
    EXPECT_EQ(two.text, item);
    EXPECT_TRUE(parse("{\"other\":[\"requests\",\"between\"]}").has_value());
  }
  EXPECT_EQ(json_text(one, "a"), "b");
  EXPECT_EQ(walk(*first), "3\nend");
  EXPECT_EQ(walk(*second), "end");
}

TEST(JsonItems, Lines) {
  struct Row {
    std::string_view written, items;
  };
  for (const Row& row : {
           Row{"", "end"},
           Row{"\n \r\n", "end"},
           Row{"{\"a\":1}\r\n\n[2]\n\"x\"", "{\"a\":1}\n[2]\n\"x\"\nend"},
           Row{"1\n\n{\"a\":{\"b\":1,\"b\":2}}\n3", "1\nbad a.b: it stands twice\n3\nend"},
           Row{"[1,\n[2]", "bad : the document is incomplete\n[2]\nend"},
       }) {
    const auto items = line_items(std::string(row.written));
    EXPECT_EQ(walk(*items), row.items) << row.written;
  }
}

}  // namespace
}  // namespace barid::http
