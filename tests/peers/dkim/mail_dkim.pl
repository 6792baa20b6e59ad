# Mail::DKIM on messages: `mail_dkim.pl RECORDS.json FILE…` prints one line a signature: FILE index RESULT.
use strict;
use warnings;
use JSON::PP;
use Mail::DKIM::DNS;
use Mail::DKIM::Verifier;
use Net::DNS::RR;

my $records = decode_json(do { local (@ARGV, $/) = (shift @ARGV); <> });
{
  no warnings 'redefine';
  *Mail::DKIM::DNS::query = sub {
    my ($name) = @_;
    $name =~ s/\.$//;
    my $text = $records->{$name} or return;
    my @pieces = $text =~ /(.{1,255})/gs;
    return Net::DNS::RR->new(owner => $name, type => 'TXT', txtdata => [@pieces]);
  };
}
for my $path (@ARGV) {
  open my $file, '<:raw', $path or die "$path: $!";
  my $verifier = Mail::DKIM::Verifier->new();
  local $/ = \65536;
  while (my $piece = <$file>) { $verifier->PRINT($piece) }
  $verifier->CLOSE;
  my $index = 0;
  for my $signature ($verifier->signatures) {
    print "$path $index ", $signature->result_detail, "\n";
    $index++;
  }
}
