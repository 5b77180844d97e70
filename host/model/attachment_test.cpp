#include "model/attachment.hpp"

#include <gtest/gtest.h>

namespace tocsin::model {
namespace {

const std::string png("\x89PNG\r\n\x1a\n....", 12);

std::string type_of(std::string_view name, std::string_view content) {
  auto type = attachment_type(name, content);
  return type ? *type : "refused";
}

TEST(Attachment, TakesTheKindsItNamesByNameAndContent) {
  EXPECT_EQ(type_of("a.pdf", "%PDF-1.7 ..."), "application/pdf");
  EXPECT_EQ(type_of("a.PNG", png), "image/png");
  EXPECT_EQ(type_of("a.jpg", "\xff\xd8\xff\xe0"), "image/jpeg");
  EXPECT_EQ(type_of("a.txt", "hello\r\n"), "text/plain; charset=utf-8");
  EXPECT_EQ(type_of("app.2026-11-20.log", "\x1b[31mred\x1b[0m\tقرص\n"), "text/plain; charset=utf-8");
}

TEST(Attachment, RefusesContentThatIsNotWhatTheNameSays) {
  EXPECT_EQ(type_of("a.pdf", png), "refused");
  EXPECT_EQ(type_of("a.png", "<html>"), "refused");
  EXPECT_EQ(type_of("a.txt", "%PDF-1.7"), "refused");
  EXPECT_EQ(type_of("a.log", std::string("MZ\0\0", 4)), "refused");
  EXPECT_EQ(type_of("a.txt", ""), "refused");
}

TEST(Attachment, RefusesOtherKinds) {
  for (const char* name : {"a.exe", "a.html", "a.svg", "a", "pdf", "a.pdf.js"}) {
    EXPECT_EQ(type_of(name, "%PDF-1.7"), "refused") << name;
  }
}

TEST(Attachment, RefusesNamesThatLeadElsewhereOrPretend) {
  for (const char* name : {"", "  ", "../a.pdf", "a/b.pdf", "C:\\a.pdf", ".a.pdf", "a.pdf.", " a.pdf", "a\nb.pdf",
                           "a\xE2\x80\xAE"
                           "fdp.exe.pdf",
                           "\xff.pdf"}) {
    EXPECT_FALSE(check_attachment_name(name)) << name;
  }
  EXPECT_FALSE(check_attachment_name(std::string(197, 'a') + ".pdf"));
  for (const char* name : {"a.pdf", "a b (1).pdf", "تقرير.pdf"}) EXPECT_TRUE(check_attachment_name(name)) << name;
}

}  // namespace
}  // namespace tocsin::model
