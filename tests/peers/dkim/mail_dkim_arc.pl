# Mail::DKIM on ARC chains: `mail_dkim_arc.pl RECORDS.json FILE…` prints FILE 0 none|pass|fail.
use strict;
use warnings;
use JSON::PP;
use Mail::DKIM::ARC::Verifier;
use Mail::DKIM::DNS;
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
  my $verifier = Mail::DKIM::ARC::Verifier->new();
  local $/ = \65536;
  while (my $piece = <$file>) { $verifier->PRINT($piece) }
  $verifier->CLOSE;
  print "$path 0 ", $verifier->result, " ", $verifier->result_detail // '', "\n";
}
